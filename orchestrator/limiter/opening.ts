/**
 * Whether the books that Redis holds can be trusted. After a loss they may lack entries that still count, so nothing
 * is permitted until the longest of them would be over. Times on the monotonic clock of this process.
 */
export class Opening {
  /** How long it is closed for, each time. */
  readonly closeMs: number;
  readonly #now: () => number;
  readonly #onClose: () => void;
  readonly #marked = new Set<string>();
  #closedUntil = 0;
  #closings = 0;
  #why: 'loss' | 'clock' = 'loss';

  constructor(closeMs: number, now: () => number, onClose: () => void) {
    this.closeMs = closeMs;
    this.#now = now;
    this.#onClose = onClose;
  }

  /** Redis was lost: every organisation is closed from now on, and has to be marked so anew. */
  lost(): void {
    this.#close('loss');
  }

  /**
   * Redis' clock was set: entries from before leave too early by as much, for as long as there are any, or too late. It is therefore closed
   * for the longest life of one, however small the step.
   */
  stepped(): void {
    this.#close('clock');
  }

  /** Another was closed for the same before, and so much of that is left. */
  opensIn(ms: number): void {
    this.#closedUntil = Math.min(this.#closedUntil, this.#now() + ms);
  }

  /** It was closed to the end at least once: what lies in books from before that counts no longer. */
  get hasWaited(): boolean {
    return this.#closedUntil > 0 && this.remainingMs() === 0;
  }

  /** For how long the marker has to say closed; 0 where the books are whole or new. */
  remainingMs(): number {
    return Math.max(0, Math.ceil(this.#closedUntil - this.#now()));
  }

  /** Why it is closed, in words; undefined where it is open. */
  reason(): string | undefined {
    const forMs = this.remainingMs();
    if (forMs === 0) return undefined;
    const why = this.#why === 'clock' ? "Redis' clock was set" : 'a loss of Redis';
    return `closed for ${Math.ceil(forMs / 1000)} s more after ${why}`;
  }

  /** Of the last time that it was closed. */
  get why(): 'loss' | 'clock' {
    return this.#why;
  }

  /** How often it was closed. */
  get closings(): number {
    return this.#closings;
  }

  isMarked = (organisation: string): boolean => this.#marked.has(organisation);

  /** Redis was told for how long an organisation is closed, as that was known after so many closings; it has to be told anew where there was another meanwhile. */
  marked(organisation: string, closings: number): void {
    if (closings === this.#closings) this.#marked.add(organisation);
  }

  #close(why: 'loss' | 'clock'): void {
    this.#closedUntil = this.#now() + this.closeMs;
    this.#why = why;
    this.#closings += 1;
    this.#marked.clear();
    this.#onClose();
  }
}
