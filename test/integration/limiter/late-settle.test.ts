import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ClawOfTest } from '../../support/limiter.ts';
import { isGranted, TurnedClock } from './turned-clock.ts';

const clock = new TurnedClock();
/** What the limiter remembers of a call it forgets by Redis' own clock, soon. */
const RECORD_MS = 200;
const TWO_DAYS_MS = 2 * 24 * 3_600_000;
let it: ClawOfTest;

beforeAll(() => clock.start());
beforeEach(async () => {
  it = await clock.newClaw({ recordMs: RECORD_MS });
});
afterAll(() => clock.stop());

test('a settlement that comes when the call is long forgotten changes nothing: neither gives it room nor takes some', async () => {
  const call = it.call(60);
  await it.limiter.permit(call);
  await it.limiter.sent(call, 0);
  await expect.poll(async () => (await clock.redis.keys('*:call:*')).length).toBe(0);
  // Forgotten early, it counts until its time is over all the same.
  expect(await it.limiter.settle(call, { tokens: 0, requests: 0 })).toEqual({ overrunTokens: 0 });
  expect(await it.window()).toMatchObject({ tokens: 60, requests: 1 });

  await clock.at(TWO_DAYS_MS);
  await it.fence();
  expect(await isGranted(it, 90)).toBe(true);
  for (const took of [{ tokens: 0 }, { tokens: 5000 }, {}])
    expect(await it.limiter.settle(call, took)).toEqual({ overrunTokens: 0 });
  expect(await it.window()).toMatchObject({ tokens: 90, requests: 1 });
  expect(await isGranted(it, 11)).toBe(false);
});

test('a call whose end nobody tells holds its place until it surely is over, and not for as long as it is remembered', async () => {
  it = await clock.newClaw();
  const standing = { levels: [{ level: 'claw', id: it.claw } as const], callsAtOnce: 1 };
  const call = () => it.call(1, { standing: async () => standing, underWayMs: 600_000 });
  await it.limiter.permit(call());
  await clock.at(599_999);
  await expect(it.limiter.permit(call())).rejects.toMatchObject({ details: { limit: 'calls' } });
  await clock.at(600_000);
  await it.limiter.permit(call());
});
