/** Waits that end early when called: by the news that there is room, or by the caller's abort. */
export class Wakeable {
  #woken = false;
  #wake: (() => void) | undefined;

  /** Ends the present wait, or the next one where none is going on. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** It was called since `forgetNews`. */
  get hasNews(): boolean {
    return this.#woken;
  }

  /** News from before this moment no longer counts. */
  forgetNews(): void {
    this.#woken = false;
  }

  /** Resolves after `ms`, or at once when woken or aborted; never rejects. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#woken || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = resolve;
      signal.addEventListener('abort', resolve as () => void, { once: true });
      this.#cleanup = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', resolve as () => void);
      };
    });
    this.#wake = undefined;
    this.#cleanup?.();
  }

  #cleanup: (() => void) | undefined;
}

/** The calls that wait in this process, by the name that Redis calls when there may be room. */
export class Waiters {
  readonly #waiting = new Map<string, Set<Wakeable>>();

  add(ref: string): Wakeable {
    const waiter = new Wakeable();
    const others = this.#waiting.get(ref) ?? new Set();
    this.#waiting.set(ref, others.add(waiter));
    return waiter;
  }

  remove(ref: string, waiter: Wakeable): void {
    const waiters = this.#waiting.get(ref);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiting.delete(ref);
  }

  wake(ref: string): void {
    for (const waiter of this.#waiting.get(ref) ?? []) waiter.wake();
  }

  wakeAll(): void {
    for (const ref of this.#waiting.keys()) this.wake(ref);
  }
}
