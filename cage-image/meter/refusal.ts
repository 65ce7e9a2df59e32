import { CodedError } from '#errors/coded-error.ts';

interface Refused {
  readonly operation: string;
  readonly tokens: number;
}

/** A refusal of the limiter with a sentence for the agent's author: what the call reserves, which cap it meets. */
export function explainedRefusal(error: CodedError, call: Refused): CodedError {
  const { level, limit, cap } = error.details ?? {};
  if (typeof level !== 'string' || error.details?.['reason'] !== undefined) return error;
  const reason =
    error.code === 'limit_never_fits'
      ? neverFits(level, limit, cap, call)
      : waitedFor(error.code, level, limit);
  return reason === undefined ? error : new CodedError(error.code, { ...error.details, reason });
}

function neverFits(level: string, limit: unknown, cap: unknown, { tokens }: Refused): string {
  if (cap === 0) return `The ${level}’s cap of ${limit} is 0: it is closed.`;
  if (limit === 'requests') return `The ${level}’s cap is ${cap} requests in a minute.`;
  return `This call may take up to ${tokens} tokens; the ${level}’s cap is ${cap} in a minute.`;
}

const WAITED_FOR: Readonly<Record<string, (level: string) => string>> = {
  requests: (level) => `It waited for room in the ${level}’s requests per minute.`,
  tokens: (level) => `It waited for room in the ${level}’s tokens per minute.`,
  calls: () => 'It waited for one of the calls under way to end: the Claw has a limit of them.',
  queue: () => 'It waited for the Claw’s calls that came before it.',
  turn: (level) => `It waited for its turn among the Claws at the cap of the ${level}.`,
  provider: () => 'The provider said that this key has to wait.',
};

const waitedFor = (code: string, level: string, limit: unknown): string | undefined =>
  code === 'limit_exceeded' ? WAITED_FOR[String(limit)]?.(level) : undefined;
