import type { FileHandle } from 'node:fs/promises';
import type { FromCage } from '#protocol/link-messages.ts';
import { FILE, openBelow } from './open-below.ts';
import type { OutputFile } from './output-scan.ts';

export interface OutputWay {
  readonly taskId: string;
  readonly epoch: number;
  readonly send: (message: FromCage) => void;
  /** Resolves when the other end has handled all that was sent. */
  readonly acknowledged: () => Promise<void>;
  readonly signal: AbortSignal;
}

export const PIECE_BYTES = 192 * 1024;
/** So much is sent before it is waited for: far below what the link keeps for a controller that is away. */
const AHEAD_BYTES = 8 * PIECE_BYTES;

/** Sends the files piece by piece, holding one piece at a time, no faster than the controller takes them. Errors: the signal's reason, `link_closed`, those of reading. */
export async function sendOutputFiles(
  root: string,
  files: readonly OutputFile[],
  way: OutputWay,
): Promise<void> {
  let ahead = 0;
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => undefined);
  const stop = (): void => stopped.reject(way.signal.reason);
  way.signal.addEventListener('abort', stop, { once: true });
  try {
    for (const { path, bytes } of files) {
      const file = await openBelow(root, path.split('/'), FILE);
      await using _closed = file;
      for (let piece = 0; piece * PIECE_BYTES < bytes || piece === 0; piece++) {
        way.signal.throwIfAborted();
        const data = await read(
          file,
          piece * PIECE_BYTES,
          Math.min(PIECE_BYTES, bytes - piece * PIECE_BYTES),
        );
        const last = (piece + 1) * PIECE_BYTES >= bytes;
        const { taskId, epoch } = way;
        way.send({ type: 'output_file', taskId, epoch, path, piece, last, data: data.toString('base64') });
        ahead += data.length;
        if (ahead < AHEAD_BYTES) continue;
        await Promise.race([way.acknowledged(), stopped.promise]);
        ahead = 0;
      }
    }
  } finally {
    way.signal.removeEventListener('abort', stop);
  }
}

/** Reads that many bytes, fewer only where the file has become shorter. */
async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
