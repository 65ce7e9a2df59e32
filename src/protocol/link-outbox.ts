import { CodedError } from '#errors/coded-error.ts';
import { encodeFrame } from './frames.ts';

export interface OutboxLimits {
  /** Beyond so many waiting bytes a droppable message is dropped. */
  readonly droppableBytes: number;
  /** Beyond so many no message is taken: `link_backlog`. */
  readonly totalBytes: number;
  /** What is `reserved` (a result, a settle) may go beyond `totalBytes` by so many: it must arrive whatever filled the rest. */
  readonly reservedBytes?: number;
  /** So many may be written without being acknowledged; more waits, so that a peer that does not read costs no more. */
  readonly inFlightBytes: number;
}

export const OUTBOX_LIMITS: OutboxLimits = {
  droppableBytes: 4 * 1024 * 1024,
  totalBytes: 48 * 1024 * 1024,
  reservedBytes: 8 * 1024 * 1024,
  inFlightBytes: 2 * 1024 * 1024,
};

/**
 * `droppable`: dropped where much waits. `reserved`: has room of its own where nothing else is taken any more.
 */
export type Urgency = 'droppable' | 'ordinary' | 'reserved';

/**
 * The messages that the other end has not acknowledged, numbered from 1 without gaps. A droppable message that is dropped never
 * had a number.
 */
export class LinkOutbox {
  readonly #limits: OutboxLimits;
  readonly #waiting = new Map<number, Buffer>();
  #last = 0;
  #acked = 0;
  #written = 0;
  #bytes = 0;
  #inFlight = 0;
  #dropped = 0;

  constructor(limits: OutboxLimits = OUTBOX_LIMITS) {
    this.#limits = limits;
  }

  /** The number of the newest message. */
  get last(): number {
    return this.#last;
  }

  /** All up to this number are acknowledged. */
  get acked(): number {
    return this.#acked;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False where the message was dropped. Errors: `link_backlog`, `link_frame_too_large`. */
  add(payload: unknown, urgency: Urgency): boolean {
    if (urgency === 'droppable' && this.#bytes >= this.#limits.droppableBytes) {
      this.#dropped++;
      return false;
    }
    const { totalBytes, reservedBytes = 0 } = this.#limits;
    if (this.#bytes >= totalBytes + (urgency === 'reserved' ? reservedBytes : 0))
      throw new CodedError('link_backlog', { bytes: this.#bytes });
    const bytes = encodeFrame({ kind: 'message', seq: this.#last + 1, payload });
    this.#waiting.set(++this.#last, bytes);
    this.#bytes += bytes.length;
    return true;
  }

  /** Errors: `link_sequence` where nothing of that number was ever sent. */
  ack(seq: number): void {
    if (seq > this.#last) throw new CodedError('link_sequence', { acknowledged: seq, last: this.#last });
    while (this.#acked < seq) {
      const number = ++this.#acked;
      const length = this.#waiting.get(number)?.length ?? 0;
      this.#waiting.delete(number);
      this.#bytes -= length;
      if (number <= this.#written) this.#inFlight -= length;
    }
    this.#written = Math.max(this.#written, this.#acked);
  }

  /** A new connection: everything that is not acknowledged is written again. */
  rewind(): void {
    this.#written = this.#acked;
    this.#inFlight = 0;
  }

  /** The next frame to write, as long as the other end keeps up. */
  next(): Buffer | undefined {
    if (this.#inFlight >= this.#limits.inFlightBytes) return undefined;
    const bytes = this.#waiting.get(this.#written + 1);
    if (bytes === undefined) return undefined;
    this.#written++;
    this.#inFlight += bytes.length;
    return bytes;
  }
}
