const OPEN = '<think>';
const CLOSE = '</think>';

/**
 * Keeps a model's reasoning out of its text where a server leaves it in: a `<think>…</think>` at the very beginning, as open models write it.
 * Text goes in piece by piece and comes out as soon as it is sure to be none.
 */
export class ThinkingFilter {
  #state: 'undecided' | 'thinking' | 'behind' | 'text' = 'undecided';
  #held = '';

  push(piece: string): string {
    if (this.#state === 'text') return piece;
    this.#held += piece;
    if (this.#state === 'undecided') {
      const begun = this.#held.trimStart();
      if (begun.length < OPEN.length && OPEN.startsWith(begun)) return '';
      if (!begun.startsWith(OPEN)) return this.#release();
      this.#state = 'thinking';
    }
    if (this.#state === 'thinking') {
      const end = this.#held.indexOf(CLOSE);
      if (end < 0) return '';
      this.#held = this.#held.slice(end + CLOSE.length);
      this.#state = 'behind';
    }
    this.#held = this.#held.trimStart();
    return this.#held === '' ? '' : this.#release();
  }

  /** What is still held when the text ends; reasoning that never ended is not given. */
  end(): string {
    return this.#state === 'undecided' ? this.#release() : '';
  }

  #release(): string {
    const held = this.#held;
    this.#held = '';
    this.#state = 'text';
    return held;
  }
}
