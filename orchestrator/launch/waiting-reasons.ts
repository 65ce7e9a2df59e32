/** Why an attempt is not moving: of all that it waits for the newest is told, one after the other, until `close`. */
export class WaitingReasons {
  readonly #tell: (reason: string | null) => Promise<void>;
  /** By what is waited for, the newest last. */
  readonly #holding = new Map<string, string>();
  #told: string | null = null;
  #telling: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(tell: (reason: string | null) => Promise<void>) {
    this.#tell = tell;
  }

  /** `reason`: null once it is waited for no longer; another one than before is as new as one that has just begun. */
  set(what: string, reason: string | null): void {
    if (this.#holding.get(what) !== reason) this.#holding.delete(what);
    if (reason !== null) this.#holding.set(what, reason);
    const newest = [...this.#holding.values()].at(-1) ?? null;
    if (this.#closed || newest === this.#told) return;
    this.#told = newest;
    this.#telling = this.#telling.then(() => this.#tell(newest));
  }

  /** Resolves when the last one is told; none is told from now on. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#telling;
  }
}
