import { expect, test } from 'vitest';
import { CageClock } from '../../../orchestrator/launch/cage-clock.ts';

/** The cage's clock is 1,000 behind ours. */
const heard = (clock: CageClock, atMs: number, lateMs: number): void =>
  clock.heard(atMs - 1_000, atMs + lateMs);

test('what is not told is not known', () => {
  const clock = new CageClock();
  clock.heard(undefined);
  expect([clock.agoMs(5), clock.cageTime(5)]).toEqual([undefined, undefined]);
});

test('it errs on the safe side by the way of the fastest message, and no more', () => {
  const clock = new CageClock();
  heard(clock, 5_000, 40);
  expect(clock.cageTime(6_000)).toBe(4_960);
  heard(clock, 7_000, 2);
  heard(clock, 8_000, 900);
  // By the cage's clock 8,000 is 7,000: a permit ends sooner; a call of then was sent later.
  expect(clock.cageTime(8_000)).toBe(6_998);
  expect(clock.agoMs(7_000, 8_500)).toBe(498);
  expect(clock.agoMs(99_000, 8_500)).toBe(0);
});

test('a clock that drifts away is followed: what was heard long ago no longer counts', () => {
  const clock = new CageClock();
  heard(clock, 1_000, 0);
  for (let at = 60_000; at <= 1_000_000; at += 60_000) clock.heard(at - 1_000 - at / 1_000, at);
  expect(clock.cageTime(1_000_000)!).toBeLessThanOrEqual(1_000_000 - 1_000 - 300);
});

test('it is asked for again where it is used and was not told for long, once', () => {
  let asked = 0;
  const clock = new CageClock(() => asked++);
  clock.heard(0, performance.now() - 30_000);
  clock.cageTime(0);
  clock.cageTime(0);
  expect(asked).toBe(1);
});
