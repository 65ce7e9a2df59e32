import { EMPTY } from './body-reader.ts';

/** An event may hold an image. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
const EVENT_ENDS = ['\n\n', '\r\n\r\n', '\r\r'];
/** An end may be cut within. */
const OVERLAP = 3;

/** Cuts a stream into its events, whole with their last empty line. One over 64 MiB comes in pieces. */
export class HeldEvents {
  #chunks: Buffer[] = [];
  #size = 0;
  #tail: Buffer = EMPTY;

  /** The events that are whole by now, in order. */
  push(chunk: Buffer): Buffer[] {
    const seam = Buffer.concat([this.#tail, chunk]);
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    this.#tail = Buffer.from(seam.subarray(-OVERLAP));
    // What was held before has no end in it: it is looked at once, however many chunks an event takes.
    if (eventEnd(seam) === 0 && this.#size <= MAX_HELD_BYTES) return [];
    return this.#cut(this.end());
  }

  /** What is left over. */
  end(): Buffer {
    const rest = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#size = 0;
    return rest;
  }

  #cut(bytes: Buffer): Buffer[] {
    const events: Buffer[] = [];
    let rest = bytes;
    for (let end = eventEnd(rest); end > 0; end = eventEnd(rest)) {
      events.push(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    if (rest.length > MAX_HELD_BYTES) return [...events, rest];
    if (rest.length > 0) this.#chunks.push(rest);
    this.#size = rest.length;
    this.#tail = Buffer.from(rest.subarray(-OVERLAP));
    return events;
  }
}

/** The length of the first whole event, its empty line included; 0 where none is whole yet. */
function eventEnd(bytes: Buffer): number {
  const ends = EVENT_ENDS.flatMap((mark) => {
    const at = bytes.indexOf(mark);
    return at < 0 ? [] : [at + mark.length];
  });
  return ends.length === 0 ? 0 : Math.min(...ends);
}
