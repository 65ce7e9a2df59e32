import { isSameBooks } from './redis-identity.ts';
import { BooksRecord, opensAt } from './books-record.ts';
import { Opening } from './opening.ts';
import { RedisClock } from './redis-clock.ts';

export const CLOCK_UNKNOWN = 'Redis answers too late for its clock to be checked';
/** How long a question that came too late is told of, unless another one did not. */
const TOLD_MS = 5_000;

interface TrustOptions {
  /** The longest life of an entry: so long nothing is permitted once the books or their clock cannot be trusted. */
  readonly closeMs: number;
  /** The books that this installation used last: see readIdentity. */
  readonly lastIdentity: string | undefined;
  /** The scripts have a clock of a test's own, which is no clock to check. */
  readonly believesClock: boolean;
  readonly now: () => number;
  /** Keeps outside of Redis which books can be trusted: see BooksRecord. */
  readonly write: (books: string) => void | Promise<void>;
}

/** Whether the books in Redis and the clock that they are kept by are those that this process knows. */
export class Trust {
  readonly opening: Opening;
  readonly #clock = new RedisClock();
  readonly #options: TrustOptions;
  readonly #record: BooksRecord;
  #steppedAt = Number.NEGATIVE_INFINITY;
  /** Closed by the word of one before, until this moment of Redis' clock. */
  #opensAt: number | undefined;
  #lateAt = Number.NEGATIVE_INFINITY;

  constructor(options: TrustOptions) {
    this.#options = options;
    this.opening = new Opening(options.closeMs, options.now, () => this.#record.changed());
    this.#record = new BooksRecord({
      opening: this.opening,
      redisTimeIn: (ms) => this.#latestIn(ms),
      write: options.write,
    });
  }

  /** These books answer from now on; `before`: those that did until now. */
  identified(identity: string, before: string | undefined): void {
    const expected = before ?? this.#options.lastIdentity;
    if (expected !== undefined && !isSameBooks(expected, identity)) {
      this.#opensAt = opensAt(expected, identity);
      this.opening.lost();
      this.#clock.forget();
      this.#stepped();
    }
    this.#record.identified(identity);
  }

  stop(): void {
    this.#record.stop();
  }

  /** Redis' clock said so at some moment between two of ours. A step closes. */
  timeTold(redisMs: number, askedAt: number, answeredAt: number): void {
    if (this.#options.believesClock) return;
    const wasKnown = this.#clock.isKnown;
    if (this.#clock.observe(redisMs, askedAt, answeredAt) !== 0) return this.aheadOfClock();
    if (wasKnown || !this.#clock.isKnown || this.opening.remainingMs() === 0) return;
    if (this.#opensAt !== undefined) this.opening.opensIn(this.#opensAt - redisMs);
    this.#opensAt = undefined;
    this.#record.changed();
  }

  /** The books lie ahead of the clock: it was set back when nobody looked. */
  aheadOfClock(): void {
    this.#opensAt = undefined;
    this.opening.stepped();
    this.#stepped();
  }

  /** Whether the last question for a permit reached Redis so late that it was not decided. */
  cameLate(isLate: boolean): void {
    this.#lateAt = isLate ? this.#options.now() : Number.NEGATIVE_INFINITY;
  }

  /** Why nothing is permitted although Redis answers, in words; undefined where nothing is amiss. */
  reason(): string | undefined {
    const isLate = !this.knowsClock || this.#options.now() < this.#lateAt + TOLD_MS;
    return this.opening.reason() ?? (isLate ? CLOCK_UNKNOWN : undefined);
  }

  /** Whether Redis' clock is known well enough to decide by. */
  get knowsClock(): boolean {
    return this.#options.believesClock || this.#clock.isKnown;
  }

  /** The argument by which a script that is asked now checks the clock: see steady.lua. */
  argument(): string {
    const now = this.#options.now();
    if (this.#options.believesClock) return '';
    const bounds = this.#clock.bounds(now);
    const isUnsure = bounds === undefined || now < this.#steppedAt + 2 * this.#options.closeMs;
    const seen = [this.opening.hasWaited, isUnsure].map((is) => (is ? 1 : 0)).join(':');
    return `clock:${bounds?.earliestMs ?? 0}:${bounds?.latestMs ?? Number.MAX_SAFE_INTEGER}:${seen}`;
  }

  #latestIn(ms: number): number | undefined {
    const bounds = this.#options.believesClock ? undefined : this.#clock.bounds(this.#options.now());
    return bounds && bounds.latestMs + ms;
  }

  #stepped(): void {
    this.#steppedAt = this.#options.now();
  }
}
