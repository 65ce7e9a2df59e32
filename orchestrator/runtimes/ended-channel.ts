import type { CageEnded } from '#runtime/runtime.ts';

/** Carries ends of cages from where they are seen to one reader, in order, until the signal; then the reader's loop ends. */
export class EndedChannel implements AsyncIterable<CageEnded> {
  readonly #waiting: CageEnded[] = [];
  readonly #signal: AbortSignal;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
  }

  push(ended: CageEnded): void {
    this.#waiting.push(ended);
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CageEnded, void, void> {
    while (!this.#signal.aborted) {
      const next = this.#waiting.shift();
      if (next) yield next;
      else await this.#something();
    }
  }

  async #something(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
  }
}
