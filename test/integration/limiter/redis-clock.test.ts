import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClawOfTest, Limiters } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

/** Redis' own clock, and what the test sets it by: the whole of Redis cannot be given another (libfaketime and its allocator do not go together). */
const STEPPED = `local function clock()
  local time = redis.call('TIME')
  local step = tonumber(redis.call('GET', 'test:step') or 0)
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + step
end`;
/** The longest life of an entry is 4 s here: closed for so long, it can be asked while it is. */
const LIFE = {
  sendWithinMs: 2000,
  entryMs: 2000,
  holdMs: 4000,
  clock: STEPPED,
  believesClock: false,
} as const;

const setClock = (seconds: number): Promise<unknown> => server.connect().set('test:step', seconds * 1000);
let server: TestRedis;
let limiters: Limiters;

beforeEach(async () => {
  server = await TestRedis.start();
  limiters = new Limiters(server);
});
afterEach(async () => {
  await limiters.closeAll();
  await server.stop();
});

test.each([61, -61, 3600, -3600, -0.7])(
  'when the clock of Redis is set by %s s, nothing is above the cap, and calls go on after the longest life of an entry',
  async (seconds) => {
    const first = new ClawOfTest(await limiters.open(LIFE), { tokensPerMinute: 100 });
    await first.fence();
    const used: number[] = [];
    const take = async (deadlineMs: number): Promise<void> => {
      const call = first.call(50, { deadlineMs });
      await first.limiter.permit(call);
      used.push(performance.now());
      await first.limiter.sent(call, 0);
    };
    await take(0);
    await take(0);
    const steppedAt = performance.now();
    await setClock(seconds);
    await expect(take(0)).rejects.toMatchObject({
      code: 'limiter_unavailable',
      details: { reason: expect.stringContaining("Redis' clock was set") },
    });
    expect(first.limiter.closedReason).toContain("Redis' clock was set");
    await Promise.all([take(20_000), take(20_000), take(20_000)]);
    expect(used[2]! - steppedAt).toBeGreaterThan(LIFE.holdMs - 50);
    // No three within the life of an entry, by our own clock: each takes half of the cap.
    for (const [nth, at] of used.entries())
      if (nth >= 2) expect(at - used[nth - 2]!).toBeGreaterThan(LIFE.entryMs - 30);
  },
);

test('a call that was sent before a step and is reported after it counts once, and is no overrun', async () => {
  const it = new ClawOfTest(await limiters.open(LIFE), { tokensPerMinute: 100 });
  await it.fence();
  const call = it.call(60);
  await it.limiter.permit(call);
  await setClock(61);
  expect(await it.limiter.sent(call, 0)).toEqual({ overrunTokens: 0 });
  expect(await it.window()).toMatchObject({ tokens: 60 });
});

test('a call that is on its way gets no more time by a clock that was set', async () => {
  // Nobody looks at the clock between the step and the question.
  const it = new ClawOfTest(await limiters.open({ ...LIFE, watchMs: 60_000 }), { tokensPerMinute: 100 });
  await it.fence();
  const call = it.call(60);
  await it.limiter.permit(call);
  await setClock(-0.7);
  expect(await it.limiter.extend(call)).toBeUndefined();
  expect(it.limiter.closedReason).toContain("Redis' clock was set");
});

test('an orchestrator that starts after the clock was set back waits as well', async () => {
  const it = new ClawOfTest(await limiters.open(LIFE), { tokensPerMinute: 100 });
  await it.fence();
  await it.limiter.permit(it.call(100));
  await limiters.closeAll();
  await setClock(-3600);
  const next = await limiters.open(LIFE);
  await next.fence('o1', it.task, it.call(1).fence);
  await expect(next.permit(it.call(100, { deadlineMs: 100 }))).rejects.toMatchObject({
    code: 'limiter_unavailable',
  });
  await next.permit(it.call(100, { deadlineMs: 20_000 }));
});

test('whoever died in the line before the clock was set back holds nobody up', async () => {
  const it = new ClawOfTest(await limiters.open(LIFE), { tokensPerMinute: 100 });
  await it.fence();
  await it.limiter.permit(it.call(100));
  const [client, base] = [server.connect(), `clawcage:default:{o1}:claw:${it.claw}`];
  await client.zadd(`${base}:queue`, 1, 'dead');
  await client.zadd(`${base}:leases`, Date.now() + 1000, 'dead');
  await setClock(-3600);
  await it.limiter.permit(it.call(100, { deadlineMs: 20_000 }));
});

test('a key that the provider closed before the clock was set back is open after that, and is closed again for as long as is said then', async () => {
  const it = new ClawOfTest(await limiters.open(LIFE), {});
  await it.fence();
  const standing = { levels: [{ level: 'key', id: 'k1' } as const] };
  const closedForMs = async () => (await it.limiter.standing('o1', it.claw, standing)).levels[0]?.closedForMs;
  const close = (ms: number) => it.limiter.closeKey('o1', 'k1', ms);
  const take = (deadlineMs: number) =>
    it.limiter.permit(it.call(1, { deadlineMs, standing: async () => standing }));
  await close(60_000);
  expect(await closedForMs()).toBeGreaterThan(50_000);

  await setClock(-3600);
  await take(20_000);
  await close(60_000);
  await setClock(-7200);
  await close(30_000);
  expect(await closedForMs()).toBeGreaterThan(20_000);
  expect(await closedForMs()).toBeLessThanOrEqual(30_000);
  await setClock(-10_800);
  expect(await closedForMs()).toBeNull();
  // Nor is it closed for a second time when the clock comes to where it was.
  await setClock(-7200);
  expect(await closedForMs()).toBeNull();
});
