import { toCodedError } from '#errors/coded-error.ts';

/** Why the proxy lets something not pass: HTTP status, and one line of ASCII for whoever shows it. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What the gate, or the proxy itself, refused with. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const { code, message, status, details } = toCodedError(error);
  const facts = ['host', 'port', 'reason', 'limit']
    .map((name) => details?.[name])
    .filter((fact) => typeof fact === 'string' || typeof fact === 'number');
  return new Refusal(status, `${code}: ${message}${facts.length > 0 ? ` (${facts.join(', ')})` : ''}`);
}

/** The text as a reason phrase (RFC 9112 section 4), which is all that many clients show of a refused CONNECT. */
export const reasonPhrase = (text: string): string => text.replace(/[^\t\x20-\x7e]/g, '?').slice(0, 1_000);
