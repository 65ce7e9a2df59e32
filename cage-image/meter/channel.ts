import type { Duplex } from 'node:stream';
import { CodedError } from '#errors/coded-error.ts';

const HEADER_BYTES = 4;
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** What is read is checked by the caller: the channel promises JSON values, whole and in order. */
export interface Channel {
  send(message: object): void;
  /** Resolves when all that was sent before has been given to the kernel. */
  flushed(): Promise<void>;
  close(): void;
}

/**
 * Messages over a stream: four bytes of length (big endian), then JSON in UTF-8. `onMessage` gets each message once and in order;
 * `onEnd` is called once, with the error where the stream broke or its form was wrong (`link_frame_too_large`, `link_frame_invalid`).
 */
export function openChannel(
  stream: Duplex,
  handlers: { onMessage: (message: unknown) => void; onEnd: (error?: Error) => void },
): Channel {
  let pending: Buffer = Buffer.alloc(0);
  let over = false;
  const end = (error?: Error): void => {
    if (over) return;
    over = true;
    stream.destroy();
    handlers.onEnd(error);
  };
  stream.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    try {
      pending = takeMessages(pending, handlers.onMessage);
    } catch (error) {
      end(error as Error);
    }
  });
  stream.on('error', end);
  stream.on('end', () => end());
  stream.on('close', () => end());
  return {
    send: (message) => {
      if (!over) stream.write(frame(message));
    },
    flushed: () => new Promise((resolve) => (over ? resolve() : stream.write('', () => resolve()))),
    close: () => end(),
  };
}

function frame(message: object): Buffer {
  const body = Buffer.from(JSON.stringify(message), 'utf8');
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(body.length);
  return Buffer.concat([header, body]);
}

function takeMessages(bytes: Buffer, onMessage: (message: unknown) => void): Buffer {
  let rest = bytes;
  while (rest.length >= HEADER_BYTES) {
    const length = rest.readUInt32BE(0);
    if (length > MAX_MESSAGE_BYTES) throw new CodedError('link_frame_too_large');
    if (rest.length < HEADER_BYTES + length) break;
    onMessage(parse(rest.subarray(HEADER_BYTES, HEADER_BYTES + length)));
    rest = rest.subarray(HEADER_BYTES + length);
  }
  return rest;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new CodedError('link_frame_invalid');
  }
}
