const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, COLON, COMMA] = [0x7b, 0x7d, 0x5b, 0x5d, 0x3a, 0x2c];
const MAX_HELD_BYTES = 64 * 1024;

/**
 * Finds the value of one field of a JSON object while its bytes pass, without keeping the others: an answer may hold many megabytes of images before it says
 * what they cost. Of a field that stands twice the last one counts, as for every parser.
 */
export class TopLevelField {
  readonly #name: string;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** What is read on the first level: the name of a field, or its value. */
  #at: 'name' | 'value' = 'name';
  #held: Buffer[] = [];
  #heldBytes = 0;
  #keeping = false;
  #read = '';
  #value: unknown;

  constructor(name: string) {
    this.#name = name;
  }

  /** The value, once it has passed; undefined where there was none that could be read. */
  get value(): unknown {
    return this.#value;
  }

  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const end = this.#inString ? this.#stringEnd(bytes, at) : this.#step(bytes, at);
      at = end;
    }
  }

  /** Goes on to the next byte that matters in a string, and returns the place behind it. */
  #stringEnd(bytes: Buffer, from: number): number {
    if (this.#escaped) {
      this.#escaped = false;
      return this.#keep(bytes, from, from + 1);
    }
    const quote = bytes.indexOf(QUOTE, from);
    const limit = quote < 0 ? bytes.length : quote;
    const backslash = bytes.subarray(from, limit).indexOf(BACKSLASH);
    if (backslash >= 0) {
      this.#escaped = true;
      return this.#keep(bytes, from, from + backslash + 1);
    }
    if (quote < 0) return this.#keep(bytes, from, bytes.length);
    this.#inString = false;
    return this.#keep(bytes, from, quote + 1);
  }

  #step(bytes: Buffer, at: number): number {
    const byte = bytes[at];
    const first = this.#depth === 1;
    if (byte === QUOTE) {
      this.#inString = true;
      if (first && this.#at === 'name') this.#begin(true);
    } else if (byte === OPEN || byte === OPEN_LIST) {
      this.#depth++;
      // What is no object has no fields.
      if (this.#depth === 1 && byte === OPEN_LIST) this.#depth = Number.POSITIVE_INFINITY;
    } else if (byte === CLOSE || byte === CLOSE_LIST) {
      if (first) this.#endOfField();
      this.#depth--;
    } else if (byte === COLON && first && this.#at === 'name') {
      this.#read = String(this.#take());
      this.#at = 'value';
      this.#begin(this.#read === this.#name);
      return at + 1;
    } else if (byte === COMMA && first) {
      this.#endOfField();
      return at + 1;
    }
    return this.#keep(bytes, at, at + 1);
  }

  #endOfField(): void {
    if (this.#at === 'value' && this.#keeping) this.#value = this.#take();
    this.#begin(false);
    this.#at = 'name';
  }

  #begin(keeping: boolean): void {
    this.#keeping = keeping;
    this.#held = [];
    this.#heldBytes = 0;
  }

  #keep(bytes: Buffer, from: number, to: number): number {
    if (!this.#keeping) return to;
    this.#heldBytes += to - from;
    if (this.#heldBytes > MAX_HELD_BYTES) this.#begin(false);
    else this.#held.push(Buffer.from(bytes.subarray(from, to)));
    return to;
  }

  #take(): unknown {
    try {
      return JSON.parse(Buffer.concat(this.#held).toString('utf8'));
    } catch {
      return undefined;
    }
  }
}
