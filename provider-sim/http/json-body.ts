import type { IncomingMessage } from 'node:http';
import { badJson, bodyTooLarge } from '../provider-error.ts';

/** Reads a JSON body of at most `limitBytes`; throws OpenAI's 400 for anything but JSON and 413 for more. */
export async function jsonBody(request: IncomingMessage, limitBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw bodyTooLarge(limitBytes);
  let bytes = 0;
  // Leaving the loop must not destroy the connection, over which the refusal still has to go.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw bodyTooLarge(limitBytes);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    throw badJson();
  }
}
