import { FixedWindow } from '../../../bench/caps/fixed-window.ts';
import type { BookedCall } from '../../../bench/caps/judge.ts';
import type { TestRedis } from '../../support/redis.ts';
import {
  askAll,
  capsAtFirst,
  KEY_CAPS,
  later,
  nowMs,
  ORGANISATION_CAPS,
  WINDOW_MS,
  type Caps,
  type Town,
} from './town.ts';

/** The same Claws with the same demand, before a limiter that counts minutes of the clock. */
export class FixedWindowTown implements Town {
  readonly books: BookedCall[] = [];
  readonly caps = capsAtFirst();
  readonly #limiter: FixedWindow;
  readonly #seed: number;

  constructor(redis: TestRedis, seed: number) {
    this.#limiter = new FixedWindow(redis.connect(), WINDOW_MS);
    this.#seed = seed;
  }

  async run(untilMs: number): Promise<void> {
    await askAll(this.#seed, untilMs, async ({ name, key, caps }, { tokens }) => {
      const asked = [
        ...counters(name, caps, tokens),
        ...counters(key, KEY_CAPS[key]!, tokens),
        ...counters('organisation', ORGANISATION_CAPS, tokens),
      ];
      while (!(await this.#limiter.take(asked))) {
        if (Date.now() >= untilMs) return;
        await this.#limiter.next();
      }
      this.books.push({ atMs: nowMs(), tokens, claw: name, key });
      await later(5);
    });
  }
}

const counters = (name: string, { requests, tokens }: Caps, asked: number) => [
  ...(requests === undefined ? [] : [{ name: `${name}:requests`, amount: 1, cap: requests }]),
  ...(tokens === undefined ? [] : [{ name: `${name}:tokens`, amount: asked, cap: tokens }]),
];
