import { CodedError } from '#errors/coded-error.ts';

/** The body as a JSON object. Error: `meter_request_invalid`. */
export function parseObject(body: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new CodedError('meter_request_invalid', { reason: 'The body is not JSON.' });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CodedError('meter_request_invalid', { reason: 'The body is not a JSON object.' });
  }
  return value as Record<string, unknown>;
}

/** A request as it is sent: written anew from what was understood, so that the provider cannot read anything else out of it (a field that stands twice). */
export const written = (request: object): Buffer => Buffer.from(JSON.stringify(request), 'utf8');
