/** How far Redis' clock may be off what is expected of it before that is a step; a part of the second that an entry counts for the way. */
const TOLERANCE_MS = 250;
/** How fast two clocks that nobody sets may part: each is slewed by 500 ppm at most (MAXFREQ in RFC 5905). */
const DRIFT = 0.001;
/** TIME is read in whole milliseconds, rounded down. */
const GRAIN_MS = 1;

export interface ClockBounds {
  readonly earliestMs: number;
  readonly latestMs: number;
}

/**
 * Redis' clock as this process can know it: an interval for its distance from our own monotonic clock, out of the moments at which
 * it was asked and had answered. The bounds follow a clock only as fast as it may drift, so many small steps in a row
 * count as the large one that they make. Own times are `performance.now()`, Redis' are milliseconds since 1970.
 */
export class RedisClock {
  /** Redis' clock less ours lies between these; each is the tightest that was ever seen, widened by the drift since. */
  #least = Number.NaN;
  #most = Number.NaN;
  #at = 0;

  /**
   * Redis said `redisMs` at some moment from `askedAt` to `answeredAt`. By how much its clock has been set since it was known, at the least;
   * negative where it was set back; 0 where it was not, or where the answer took too long to know.
   */
  observe(redisMs: number, askedAt: number, answeredAt: number): number {
    const least = redisMs - answeredAt;
    const most = redisMs + GRAIN_MS - askedAt;
    if (!this.isKnown) {
      this.#begin(least, most, answeredAt);
      return 0;
    }
    this.#widen(answeredAt);
    const isAhead = least > this.#most + TOLERANCE_MS;
    if (isAhead || most < this.#least - TOLERANCE_MS) {
      const byMs = isAhead ? least - this.#most : most - this.#least;
      this.#begin(least, most, answeredAt);
      return byMs;
    }
    this.#least = Math.max(this.#least, least);
    this.#most = Math.min(this.#most, most);
    return 0;
  }

  /** Whether there was an answer that came fast enough to tell a step by. */
  get isKnown(): boolean {
    return !Number.isNaN(this.#least);
  }

  /** Nothing is known of it: another Redis answers. */
  forget(): void {
    this.#least = Number.NaN;
    this.#most = Number.NaN;
  }

  /** What Redis' clock says while a command runs that is asked now and not held up for long; undefined before it is known. */
  bounds(now: number): ClockBounds | undefined {
    if (!this.isKnown) return undefined;
    const drift = this.#driftUntil(now);
    return {
      earliestMs: Math.floor(now + this.#least - drift - TOLERANCE_MS),
      latestMs: Math.ceil(now + this.#most + drift + TOLERANCE_MS),
    };
  }

  #begin(least: number, most: number, at: number): void {
    this.forget();
    if (most - least > TOLERANCE_MS) return;
    this.#least = least;
    this.#most = most;
    this.#at = at;
  }

  #widen(now: number): void {
    const drift = this.#driftUntil(now);
    this.#least -= drift;
    this.#most += drift;
    this.#at = Math.max(this.#at, now);
  }

  #driftUntil = (now: number): number => Math.max(0, now - this.#at) * DRIFT;
}
