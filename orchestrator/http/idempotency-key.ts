import type { FastifyRequest } from 'fastify';
import { CodedError } from '#errors/coded-error.ts';

/** The header of that name; `request_invalid` for one that is not 1 to 255 printable ASCII characters. */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new CodedError('request_invalid', {
    fields: [{ field: 'Idempotency-Key', problem: '1 to 255 printable ASCII characters' }],
  });
}
