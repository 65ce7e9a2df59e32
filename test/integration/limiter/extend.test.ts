import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ClawOfTest } from '../../support/limiter.ts';
import { TurnedClock } from './turned-clock.ts';

const clock = new TurnedClock();
const at = (seconds: number): Promise<unknown> => clock.at(seconds * 1000);
let it: ClawOfTest;
const tokens = async (): Promise<number> => (await it.window()).tokens;

beforeAll(() => clock.start());
beforeEach(async () => {
  it = await clock.newClaw();
});
afterAll(() => clock.stop());

test('a call that gets more time counts without a gap, and 61 s from when it was sent in that time', async () => {
  const call = it.call(60);
  await it.limiter.permit(call);
  await at(29);
  expect(await it.limiter.extend(call)).toMatchObject({ sendWithinMs: 30_000 });
  await at(50);
  expect(await it.limiter.extend(call)).toMatchObject({ sendWithinMs: 30_000 });
  // It would have left at 91 s, and then at 120 s.
  await at(130);
  expect(await tokens()).toBe(60);
  await expect(it.limiter.permit(it.call(50))).rejects.toMatchObject({ code: 'limit_exceeded' });
  expect(await it.limiter.sent(call, 55_000)).toEqual({ overrunTokens: 0 });
  await at(135.999);
  expect(await tokens()).toBe(60);
  await at(136);
  expect(await tokens()).toBe(0);
});

test('what was sent after its last time is charged again', async () => {
  const call = it.call(60);
  await it.limiter.permit(call);
  await at(29);
  await it.limiter.extend(call);
  await at(59.001);
  expect(await it.limiter.sent(call, 0)).toEqual({ overrunTokens: 60 });
});

test('its settlement gives back what it did not take', async () => {
  const call = it.call(60);
  await it.limiter.permit(call);
  await at(29);
  await it.limiter.extend(call);
  await it.limiter.sent(call, 0);
  await it.limiter.settle(call, { tokens: 20 });
  expect(await tokens()).toBe(20);
  await at(90);
  expect(await tokens()).toBe(0);
});

test('none is given to a call that was sent, is settled, counts no longer, or was never permitted', async () => {
  const [sent, settled, over] = [it.call(10), it.call(10), it.call(10)];
  for (const call of [sent, settled, over]) await it.limiter.permit(call);
  await it.limiter.sent(sent, 0);
  await it.limiter.settle(settled, { tokens: 10 });
  for (const call of [sent, settled, it.call(10)]) expect(await it.limiter.extend(call)).toBeUndefined();
  await at(91);
  expect(await it.limiter.extend(over)).toBeUndefined();
  expect(await tokens()).toBe(0);
});

test('none is given by books that have lost it, whatever its record says', async () => {
  const call = it.call(60);
  await it.limiter.permit(call);
  await clock.redis.del(...(await clock.redis.keys('*:log')), ...(await clock.redis.keys('*:sum')));
  expect(await it.limiter.extend(call)).toBeUndefined();
  expect(await tokens()).toBe(0);
});
