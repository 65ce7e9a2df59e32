import type { IncomingMessage } from 'node:http';
import { CodedError } from '#errors/coded-error.ts';

export const MAX_REQUEST_BYTES = 20 * 1024 * 1024;

/** The whole body. Throws `request_too_large` past 20 MiB. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_REQUEST_BYTES) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_REQUEST_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (): CodedError => new CodedError('request_too_large', { limitBytes: MAX_REQUEST_BYTES });
