import { CodedError } from '#errors/coded-error.ts';

/**
 * A frame of the link: `u32 length | u8 kind | u64 sequence | payload`, numbers big-endian, `length` counting what follows it.
 * The payload is JSON in UTF-8, empty in an `ack`, whose sequence is the last message that its sender has handled.
 * A handshake's sequence is 0, a message's is 1 or more and at most 2^53-1.
 */
export type Frame =
  | { readonly kind: 'handshake'; readonly payload: unknown }
  | { readonly kind: 'message'; readonly seq: number; readonly payload: unknown }
  | { readonly kind: 'ack'; readonly seq: number };

export const FRAME_KINDS = { handshake: 1, message: 2, ack: 3 } as const;
/** The greatest whole frame in bytes, its length field included. */
export const FRAME_LIMIT = 1024 * 1024;
export const FRAME_LENGTH_BYTES = 4;
/** Kind and sequence. */
export const FRAME_HEAD_BYTES = 9;

/** Errors: `link_frame_too_large`. */
export function encodeFrame(frame: Frame): Buffer {
  const payload = frame.kind === 'ack' ? Buffer.alloc(0) : Buffer.from(JSON.stringify(frame.payload), 'utf8');
  const size = FRAME_LENGTH_BYTES + FRAME_HEAD_BYTES + payload.length;
  if (size > FRAME_LIMIT) throw new CodedError('link_frame_too_large', { bytes: size, limit: FRAME_LIMIT });
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeUInt32BE(size - FRAME_LENGTH_BYTES, 0);
  bytes.writeUInt8(FRAME_KINDS[frame.kind], FRAME_LENGTH_BYTES);
  bytes.writeBigUInt64BE(BigInt(frame.kind === 'handshake' ? 0 : frame.seq), FRAME_LENGTH_BYTES + 1);
  payload.copy(bytes, FRAME_LENGTH_BYTES + FRAME_HEAD_BYTES);
  return bytes;
}
