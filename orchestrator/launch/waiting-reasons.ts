/** Why an attempt is not moving: the newest of the reasons that hold is told, one after the other, until `close`. */
export class WaitingReasons {
  readonly #tell: (reason: string | null) => Promise<void>;
  readonly #holding = new Set<string>();
  #told: string | null = null;
  #telling: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(tell: (reason: string | null) => Promise<void>) {
    this.#tell = tell;
  }

  set(reason: string, holds: boolean): void {
    this.#holding.delete(reason);
    if (holds) this.#holding.add(reason);
    const newest = [...this.#holding].at(-1) ?? null;
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
