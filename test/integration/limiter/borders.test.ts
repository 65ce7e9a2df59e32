import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ClawOfTest } from '../../support/limiter.ts';
import { isGranted, TurnedClock } from './turned-clock.ts';

const clock = new TurnedClock();
const { at } = clock;
let it: ClawOfTest;
const ask = (tokens: number): Promise<boolean> => isGranted(it, tokens);

beforeAll(() => clock.start());
beforeEach(async () => {
  it = await clock.newClaw();
});
afterAll(() => clock.stop());

test('a call that was sent at once still counts 60 s later, and no longer 61 s later', async () => {
  const call = it.call(100);
  await it.limiter.permit(call);
  await it.limiter.sent(call, 0);
  for (const ms of [59_999, 60_000, 60_001, 60_999]) {
    await at(ms);
    expect(await ask(1)).toBe(false);
  }
  await at(61_000);
  expect(await ask(100)).toBe(true);
});

test('a call of which nothing is heard counts as if sent at its deadline', async () => {
  await it.limiter.permit(it.call(100));
  await at(90_999);
  expect(await ask(1)).toBe(false);
  await at(91_000);
  expect(await ask(100)).toBe(true);
});

test('a call that was sent 20 s after its permit counts 61 s from there, whenever that is reported', async () => {
  const call = it.call(100);
  await it.limiter.permit(call);
  await at(45_000);
  await it.limiter.sent(call, 25_000);
  await at(80_999);
  expect(await ask(1)).toBe(false);
  await at(81_000);
  expect(await ask(100)).toBe(true);
});

test('sent at its deadline a call is in time, and a millisecond later it is not', async () => {
  const [inTime, late] = [it.call(10), it.call(10)];
  await it.limiter.permit(inTime);
  await it.limiter.permit(late);
  await at(30_000);
  expect(await it.limiter.sent(inTime, 0)).toEqual({ overrunTokens: 0 });
  await at(30_001);
  expect(await it.limiter.sent(late, 0)).toEqual({ overrunTokens: 10 });
});

test('a late call counts from its true time even where its permit has run out', async () => {
  const call = it.call(100);
  await it.limiter.permit(call);
  await at(95_000);
  await it.limiter.sent(call, 3_000);
  await at(92_000 + 60_999);
  expect(await ask(1)).toBe(false);
  await at(92_000 + 61_000);
  expect(await ask(100)).toBe(true);
});

test('a meter cannot make its call older than its permit', async () => {
  const call = it.call(100);
  await at(10_000);
  await it.limiter.permit(call);
  await it.limiter.sent(call, 3_600_000);
  await at(70_999);
  expect(await ask(1)).toBe(false);
});

test('the time until room is exact, over hundreds of entries', async () => {
  for (let second = 0; second < 100; second += 1) {
    await at(second * 100);
    expect(await ask(1)).toBe(true);
  }
  await expect(it.limiter.permit(it.call(80))).rejects.toMatchObject({
    // The 80th of them, asked for at 7.9 s, runs out at 98.9 s; it is 9.9 s now.
    details: { retryAfterMs: 7_900 + 91_000 - 9_900 },
  });
});
