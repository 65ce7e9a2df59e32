import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';

export const ACCEPTED_ENCODINGS = 'gzip, deflate, br, zstd';

/** Bytes of an answer, unpacked, up to `limit`; `cut` where there was more. What unpacks to more than the limit is never held. */
export async function readBody(
  answer: IncomingMessage,
  limit: number,
): Promise<{ bytes: Buffer; cut: boolean }> {
  const parts: Buffer[] = [];
  let length = 0;
  let cut = false;
  for await (const part of unpacked(answer) as AsyncIterable<Buffer>) {
    const room = limit - length;
    parts.push(part.subarray(0, room));
    length += Math.min(part.length, room);
    if (part.length > room) {
      cut = true;
      break;
    }
  }
  answer.destroy();
  return { bytes: Buffer.concat(parts, length), cut };
}

function unpacked(answer: IncomingMessage): Readable {
  const unpack = decompressor(answer.headers['content-encoding'] ?? '');
  // The error of either reaches who reads the result.
  return unpack === undefined ? answer : pipeline(answer, unpack, () => undefined);
}

function decompressor(encoding: string) {
  switch (encoding.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress();
    default:
      return undefined;
  }
}
