import type { Redis } from 'ioredis';

/** The usual limiter, for comparison: counts a minute of the clock at a time, reserves what the caller says, and lets nothing through above its cap. */
export class FixedWindow {
  readonly #redis: Redis;
  readonly #windowMs: number;

  constructor(redis: Redis, windowMs: number) {
    this.#redis = redis;
    this.#windowMs = windowMs;
  }

  /** Resolves when every cap has room in the present minute: true; false where the next has begun meanwhile, or there is none. */
  async take(
    asked: readonly { readonly name: string; readonly amount: number; readonly cap: number }[],
  ): Promise<boolean> {
    const minute = Math.floor(Date.now() / this.#windowMs);
    const counted = await Promise.all(
      asked.map(({ name, amount }) => this.#redis.incrby(`fixed:${minute}:${name}`, amount)),
    );
    if (asked.every(({ cap }, at) => counted[at]! <= cap)) return true;
    await Promise.all(asked.map(({ name, amount }) => this.#redis.decrby(`fixed:${minute}:${name}`, amount)));
    return false;
  }

  /** The beginning of the next minute. */
  async next(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.#windowMs - (Date.now() % this.#windowMs) + 1));
  }
}
