import { StringDecoder } from 'node:string_decoder';

/** Longer lines are cut, so that one of them cannot fill the link. */
export const MAX_LOG_LINE = 8 * 1024;

/** Cuts what an agent writes to stderr into lines; of each no more than its beginning is held. */
export class LogLines {
  readonly #onLine: (text: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #held = '';
  #cut = false;

  constructor(onLine: (text: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const pieces = this.#decoder.write(chunk).split('\n');
    for (const [at, piece] of pieces.entries()) {
      this.#hold(piece);
      if (at < pieces.length - 1) this.#say();
    }
  }

  /** Nothing more comes: what stands without a line feed is a line too. */
  end(): void {
    this.#hold(this.#decoder.end());
    if (this.#held !== '') this.#say();
  }

  #hold(piece: string): void {
    const room = MAX_LOG_LINE - this.#held.length;
    this.#cut ||= piece.length > room;
    this.#held += piece.slice(0, room);
  }

  #say(): void {
    const text = this.#held.replace(/\r$/, '');
    this.#onLine(this.#cut ? `${text} [cut]` : text);
    this.#held = '';
    this.#cut = false;
  }
}
