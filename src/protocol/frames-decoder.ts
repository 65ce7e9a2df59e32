import { CodedError } from '#errors/coded-error.ts';
import { FRAME_HEAD_BYTES, FRAME_KINDS, FRAME_LENGTH_BYTES, FRAME_LIMIT, type Frame } from './frames.ts';

/** `bytes`: its size on the wire. */
export type DecodedFrame = Frame & { readonly bytes: number };

export interface Decoded {
  /** The frames that this chunk completed, in order; those before an error are good. */
  readonly frames: readonly DecodedFrame[];
  /** `link_frame_too_large` or `link_frame_invalid`; the decoder then takes nothing more. */
  readonly error?: CodedError;
}

const FIRST_ALLOCATION = 4096;
const KEPT_ALLOCATION = 64 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Cuts a byte stream into frames, however it is chopped. Never throws, and never holds more than one frame of the limit. */
export class FrameDecoder {
  /** Holds an incomplete frame; grows with what has come, not with what was announced. */
  #buffer = Buffer.alloc(0);
  #filled = 0;
  #error: CodedError | undefined;

  get allocatedBytes(): number {
    return this.#buffer.length;
  }

  push(chunk: Uint8Array): Decoded {
    const frames: DecodedFrame[] = [];
    let rest = chunk;
    while (rest.length > 0 && this.#error === undefined) {
      rest = this.#fill(rest);
      if (this.#filled === this.#wanted()) this.#finish(frames);
    }
    return this.#error === undefined ? { frames } : { frames, error: this.#error };
  }

  /** The bytes of the present frame as far as its size is known: its length field first, then all of it. */
  #wanted(): number {
    return this.#filled < FRAME_LENGTH_BYTES
      ? FRAME_LENGTH_BYTES
      : FRAME_LENGTH_BYTES + this.#buffer.readUInt32BE(0);
  }

  #fill(chunk: Uint8Array): Uint8Array {
    const before = this.#wanted();
    const taken = Math.min(before - this.#filled, chunk.length);
    this.#reserve(this.#filled + taken, before);
    this.#buffer.set(chunk.subarray(0, taken), this.#filled);
    this.#filled += taken;
    if (this.#filled === FRAME_LENGTH_BYTES) this.#checkLength();
    return chunk.subarray(taken);
  }

  #checkLength(): void {
    const length = this.#buffer.readUInt32BE(0);
    if (length > FRAME_LIMIT - FRAME_LENGTH_BYTES) {
      this.#fail(
        new CodedError('link_frame_too_large', { bytes: length + FRAME_LENGTH_BYTES, limit: FRAME_LIMIT }),
      );
    } else if (length < FRAME_HEAD_BYTES) this.#fail(invalid('length'));
  }

  #reserve(bytes: number, frameBytes: number): void {
    if (bytes <= this.#buffer.length) return;
    const room = Math.max(FIRST_ALLOCATION, Math.min(frameBytes, this.#buffer.length * 2));
    const grown = Buffer.allocUnsafe(Math.max(bytes, room));
    this.#buffer.copy(grown, 0, 0, this.#filled);
    this.#buffer = grown;
  }

  #finish(frames: DecodedFrame[]): void {
    const bytes = this.#filled;
    const frame = readFrame(this.#buffer.subarray(FRAME_LENGTH_BYTES, bytes));
    this.#filled = 0;
    if (this.#buffer.length > KEPT_ALLOCATION) this.#buffer = Buffer.alloc(0);
    if (frame instanceof CodedError) this.#fail(frame);
    else frames.push({ ...frame, bytes });
  }

  #fail(error: CodedError): void {
    this.#error = error;
    this.#buffer = Buffer.alloc(0);
    this.#filled = 0;
  }
}

function readFrame(bytes: Buffer): Frame | CodedError {
  const seq = Number(bytes.readBigUInt64BE(1));
  if (!Number.isSafeInteger(seq)) return invalid('sequence');
  const body = bytes.subarray(FRAME_HEAD_BYTES);
  switch (bytes.readUInt8(0)) {
    case FRAME_KINDS.ack:
      return body.length === 0 ? { kind: 'ack', seq } : invalid('ack');
    case FRAME_KINDS.handshake:
      return seq === 0
        ? withPayload(body, (payload) => ({ kind: 'handshake', payload }))
        : invalid('sequence');
    case FRAME_KINDS.message:
      return seq > 0
        ? withPayload(body, (payload) => ({ kind: 'message', seq, payload }))
        : invalid('sequence');
    default:
      return invalid('kind');
  }
}

function withPayload(body: Buffer, frame: (payload: unknown) => Frame): Frame | CodedError {
  try {
    return frame(JSON.parse(utf8.decode(body)));
  } catch {
    return invalid('payload');
  }
}

const invalid = (part: string): CodedError => new CodedError('link_frame_invalid', { part });
