/**
 * Whether the books that Redis holds can be trusted. After a loss they may lack entries that still count, so nothing
 * is permitted until the longest of them would be over. Times on the monotonic clock of this process.
 */
export class Opening {
  readonly #closeMs: number;
  readonly #now: () => number;
  readonly #marked = new Set<string>();
  #closedUntil = 0;

  constructor(closeMs: number, now: () => number) {
    this.#closeMs = closeMs;
    this.#now = now;
  }

  /** Redis was lost: every organisation is closed from now on, and has to be marked so anew. */
  lost(): void {
    this.#closedUntil = this.#now() + this.#closeMs;
    this.#marked.clear();
  }

  /** For how long the marker has to say closed; 0 where the books are whole or new. */
  remainingMs(): number {
    return Math.max(0, Math.ceil(this.#closedUntil - this.#now()));
  }

  isMarked = (organisation: string): boolean => this.#marked.has(organisation);

  marked(organisation: string): void {
    this.#marked.add(organisation);
  }
}
