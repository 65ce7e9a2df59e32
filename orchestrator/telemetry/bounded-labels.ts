export const OTHER = 'other';

/**
 * Keeps the values of one label few: the first `most` values stand for themselves, all further ones together as
 * `other`. What was dropped does not come back by an event that arrives late.
 */
export class BoundedLabels {
  readonly #most: number;
  readonly #onFold: () => void;
  readonly #known = new Set<string>();
  readonly #dropped = new Set<string>();

  constructor(most: number, onFold: () => void) {
    this.#most = most;
    this.#onFold = onFold;
  }

  /** The value to be used as the label, and whether it stands for itself for the first time. */
  of(value: string): { label: string; isNew: boolean } {
    if (this.#known.has(value)) return { label: value, isNew: false };
    if (this.#dropped.has(value)) return { label: OTHER, isNew: false };
    if (this.#known.size >= this.#most) {
      this.#onFold();
      return { label: OTHER, isNew: false };
    }
    this.#known.add(value);
    return { label: value, isNew: true };
  }

  drop(value: string): void {
    this.#known.delete(value);
    this.#dropped.add(value);
    const oldest = this.#dropped.values().next().value;
    if (this.#dropped.size > 10 * this.#most && oldest !== undefined) this.#dropped.delete(oldest);
  }
}
