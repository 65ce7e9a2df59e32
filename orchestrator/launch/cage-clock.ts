/** The clocks of two machines drift apart, by some ten milliseconds in this time: what was heard longer ago no longer counts. */
const PERIOD_MS = 5 * 60_000;
const FRESH_MS = 20_000;

/**
 * A cage's clock (its machine's monotonic one) compared with ours. Whatever the cage says was written before it was heard, so ours minus the cage's is never less than the
 * true difference, and the smallest that was heard comes nearest to it. Both answers err on the safe side however late messages come: a call was sent later than it was,
 * never earlier; a permit ends sooner than it does, never later.
 */
export class CageClock {
  readonly #ask: () => void;
  #askedMs = -Infinity;
  #sinceMs = 0;
  #least: number | undefined;
  #leastBefore: number | undefined;

  /** `ask` gets it told again: called where it is used, and was told longer ago. */
  constructor(ask: () => void = () => undefined) {
    this.#ask = ask;
  }

  /** The cage's clock showed this when it wrote what was heard at `nowMs` (of `performance.now()`). */
  heard(clockMs: number | undefined, nowMs = performance.now()): void {
    if (clockMs === undefined || !Number.isFinite(clockMs)) return;
    if (nowMs - this.#sinceMs > PERIOD_MS) {
      this.#leastBefore = nowMs - this.#sinceMs > 2 * PERIOD_MS ? undefined : this.#least;
      this.#least = undefined;
      this.#sinceMs = nowMs;
    }
    this.#askedMs = Math.max(this.#askedMs, nowMs);
    this.#least = Math.min(this.#least ?? Infinity, nowMs - clockMs);
  }

  /** How long ago that moment of the cage's clock was, at the least; undefined where the clock is not known. */
  agoMs(atMs: number, nowMs = performance.now()): number | undefined {
    const ahead = this.#ahead(nowMs);
    return ahead === undefined ? undefined : Math.max(0, nowMs - (atMs + ahead));
  }

  /** What the cage's clock shows at that moment of `performance.now()`, at the least; undefined where it is not known. */
  cageTime(nowMs: number): number | undefined {
    const ahead = this.#ahead(performance.now());
    return ahead === undefined ? undefined : nowMs - ahead;
  }

  #ahead(nowMs: number): number | undefined {
    if (nowMs - this.#askedMs > FRESH_MS) {
      this.#askedMs = nowMs;
      this.#ask();
    }
    if (this.#least === undefined) return this.#leastBefore;
    return Math.min(this.#least, this.#leastBefore ?? Infinity);
  }
}
