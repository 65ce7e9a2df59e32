import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judge, largestRatio, lineOf, type Verdict } from '../../../bench/caps/judge.ts';
import { TestRedis } from '../../support/redis.ts';
import { FixedWindowTown } from './fixed-window-town.ts';
import { LimitedTown } from './limited-town.ts';
import { ENTRY_MS, KEYS, SEND_WITHIN_MS, useOf, WINDOW_MS, type Town } from './town.ts';

const LENGTH_MS = 5 * WINDOW_MS;
/** From a permit to its arrival, at the longest: changes count from when every limiter has heard of them. */
const LAG_MS = SEND_WITHIN_MS + (ENTRY_MS - WINDOW_MS);

let redis: TestRedis;
let limited: LimitedTown;
let fixed: FixedWindowTown;
beforeAll(async () => {
  redis = await TestRedis.start();
  const beginMs = Math.ceil((Date.now() + 1_500) / WINDOW_MS) * WINDOW_MS;
  limited = await LimitedTown.start(redis, 1);
  fixed = new FixedWindowTown(redis, 1);
  const strikes = limited.strike(beginMs, LENGTH_MS);
  await Promise.all([limited.run(beginMs + LENGTH_MS), fixed.run(beginMs + 3 * WINDOW_MS), strikes]);
  console.log(
    `use of tokens ${useOf(limited, KEYS.tokens, 'tokens').toFixed(3)}, of requests ${useOf(limited, KEYS.requests, 'requests').toFixed(3)}`,
  );
  console.log(verdictsOf(limited).map(lineOf).join('\n'));
}, 180_000);
afterAll(async () => {
  await limited?.end();
  await redis.stop();
});

const verdictsOf = ({ books, caps }: Town): Verdict[] =>
  judge(books, caps, { windowMs: WINDOW_MS, lagMs: LAG_MS });

describe('16 Claws on four keys before three limiters, of which some are killed, while caps change', () => {
  it('never get more to arrive in any window than Claw, key and organisation may', () => {
    expect(verdictsOf(limited).filter(({ ratio }) => ratio > 1)).toEqual([]);
    expect(limited.overrunTokens).toBe(0);
  });

  it('were killed with calls under way, and asked again elsewhere', () => {
    expect(limited.killed).toBeGreaterThanOrEqual(4);
    expect(limited.askedAgain).toBeGreaterThan(0);
  });

  it('use 0.95 and more of a cap that calls with exact reservations fill, of tokens and of requests', () => {
    expect(useOf(limited, KEYS.tokens, 'tokens')).toBeGreaterThanOrEqual(0.95);
    expect(useOf(limited, KEYS.requests, 'requests')).toBeGreaterThanOrEqual(0.95);
  });

  it('would get half as much again through a limiter that counts minutes of the clock, which is seen', () => {
    expect(largestRatio(verdictsOf(fixed))).toBeGreaterThan(1.2);
  });
});
