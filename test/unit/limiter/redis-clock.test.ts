import { describe, expect, test } from 'vitest';
import { RedisClock } from '../../../orchestrator/limiter/redis-clock.ts';

const EPOCH = 1_800_000_000_000;
/** Redis' clock read at `at`, the answer `lateMs` after the question, with the clock `offMs` from where it began. */
const read = (clock: RedisClock, at: number, offMs = 0, lateMs = 2): number =>
  clock.observe(EPOCH + at + offMs, at - lateMs / 2, at + lateMs / 2);

describe("Redis' clock", () => {
  test('that goes on as ours does is steady', () => {
    const clock = new RedisClock();
    for (let at = 10; at < 600_000; at += 1000) expect(read(clock, at, at * 0.0004)).toBe(0);
  });

  test.each([61_000, -61_000, 3_600_000, -3_600_000, 300, -300])('that is set by %i ms is seen', (offMs) => {
    const clock = new RedisClock();
    read(clock, 10);
    const byMs = read(clock, 1010, offMs);
    expect(Math.sign(byMs)).toBe(Math.sign(offMs));
    expect(Math.abs(Math.abs(byMs) - Math.abs(offMs))).toBeLessThan(10);
    expect(read(clock, 2010, offMs)).toBe(0);
    expect(Math.sign(read(clock, 3010, 0))).toBe(-Math.sign(offMs));
  });

  test('many small steps in a row are the large one that they make', () => {
    const clock = new RedisClock();
    read(clock, 10);
    const steps = [100, 200, 300].map((offMs, nth) => read(clock, 1010 + nth * 1000, offMs));
    expect(steps.slice(0, 2)).toEqual([0, 0]);
    expect(steps[2]).toBeGreaterThan(280);
  });

  test('is not known by an answer that took too long, and a slow answer is no step', () => {
    const clock = new RedisClock();
    expect(read(clock, 2000, 0, 4000)).toBe(0);
    expect(clock.bounds(4000)).toBeUndefined();
    read(clock, 5000);
    expect(read(clock, 8000, 0, 4000)).toBe(0);
    const bounds = clock.bounds(10_000)!;
    expect(bounds.earliestMs).toBeLessThan(EPOCH + 10_000);
    expect(bounds.latestMs).toBeGreaterThan(EPOCH + 10_000);
    expect(bounds.latestMs - bounds.earliestMs).toBeLessThan(600);
  });
});
