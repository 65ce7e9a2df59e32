import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fenceOf } from '#task/fence.ts';
import { ClawOfTest, Limiters, SHORT } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

let server: TestRedis;
let limiters: Limiters;

beforeEach(async () => {
  server = await TestRedis.start({ durable: true });
  limiters = new Limiters(server);
});
afterEach(async () => {
  await limiters.closeAll();
  await server.stop();
});

const claw = async (caps = {}, options = {}): Promise<ClawOfTest> => {
  const it = new ClawOfTest(await limiters.open({ ...SHORT, ...options }), caps);
  await it.fence();
  return it;
};

test('without Redis there is no permit, until the deadline and then with a code', async () => {
  const onError = vi.fn();
  const it = await claw({}, { onError });
  await it.limiter.permit(it.call(1));
  await server.kill();
  const startedAt = performance.now();
  await expect(it.limiter.permit(it.call(1, { deadlineMs: 400 }))).rejects.toMatchObject({
    code: 'limiter_unavailable',
  });
  expect(performance.now() - startedAt).toBeGreaterThan(390);
  await expect(it.window()).rejects.toMatchObject({ code: 'limiter_unavailable' });
  await expect(it.limiter.ping()).rejects.toMatchObject({ code: 'limiter_unavailable' });
  expect(onError).toHaveBeenCalled();
});

test('a Redis that hangs is a Redis that is away', async () => {
  const it = await claw({}, { commandMs: 1_000 });
  await it.limiter.permit(it.call(1));
  server.pause();
  await expect(it.limiter.permit(it.call(1, { deadlineMs: 300 }))).rejects.toMatchObject({
    code: 'limiter_unavailable',
  });
  server.resume();
});

test('when it is back, nothing is permitted until what it may have forgotten counts no longer', async () => {
  const it = await claw({ tokensPerMinute: 100 });
  await server.kill();
  const waiting = it.limiter.permit(it.call(100, { deadlineMs: 20_000 }));
  const backAt = performance.now();
  await server.start();
  await expect.poll(() => it.limiter.isReady).toBe(true);
  await expect(it.limiter.permit(it.call(1, { deadlineMs: 300 }))).rejects.toMatchObject({
    code: 'limiter_unavailable',
    details: { reason: expect.stringContaining('closed') },
  });
  await waiting;
  expect(performance.now() - backAt).toBeGreaterThan(SHORT.holdMs - 200);
});

test('books that are wiped under a running Redis close it as well, for other orchestrators too', async () => {
  const it = await claw({ tokensPerMinute: 100 });
  const other = await limiters.open(SHORT);
  await other.fence('o1', it.task, fenceOf(1, 1));
  await other.permit(it.call(1));
  await it.limiter.permit(it.call(99));
  const wipedAt = performance.now();
  await server.connect().flushall();
  await expect(it.limiter.permit(it.call(100, { deadlineMs: 100 }))).rejects.toMatchObject({
    code: 'limiter_unavailable',
  });
  await expect(other.permit(it.call(100, { deadlineMs: 100 }))).rejects.toMatchObject({
    code: 'limiter_unavailable',
  });
  await it.limiter.permit(it.call(100, { deadlineMs: 20_000 }));
  expect(performance.now() - wipedAt).toBeGreaterThan(SHORT.holdMs - 50);
});

test('a first start opens at once; one whose Redis is not the one of the last time does not', async () => {
  const seen: string[] = [];
  const first = await claw({}, { onRunId: (runId: string) => seen.push(runId) });
  await first.limiter.permit(first.call(1));
  const same = await claw({}, { lastRunId: seen[0] });
  await same.limiter.permit(same.call(1));
  const different = await claw({}, { lastRunId: 'another' });
  await expect(different.limiter.permit(different.call(1))).rejects.toMatchObject({
    code: 'limiter_unavailable',
  });
  await different.limiter.permit(different.call(1, { deadlineMs: 20_000 }));
});

test('an orchestrator that starts while another was closed is closed as well, though the books are those that it saw last', async () => {
  const written: string[] = [];
  const options = { holdMs: 60_000, onRunId: (runId: string) => void written.push(runId) };
  const first = await claw({}, options);
  await server.kill();
  await server.start();
  await expect.poll(() => first.limiter.closedReason).toContain('closed');
  expect(first.limiter.isOpen).toBe(false);
  // It dies before any call has told Redis that it is.
  await first.limiter.close();
  const next = await claw({}, { ...options, lastRunId: written.at(-1)! });
  await expect(next.limiter.permit(next.call(1))).rejects.toMatchObject({ code: 'limiter_unavailable' });
});

test('one that starts in the middle of that time waits for the rest of it only, however often one starts', async () => {
  const written: string[] = [];
  const holdMs = 12_000;
  const options = { holdMs, onRunId: (runId: string) => void written.push(runId) };
  const first = await claw({}, options);
  await server.kill();
  const lostAt = performance.now();
  await server.start();
  await expect.poll(() => written.at(-1)).toMatch(/^closed \d+ /);
  await first.limiter.close();
  for (const atMs of [3_000, 6_000, 9_000]) {
    await expect.poll(() => performance.now() - lostAt, { timeout: 5_000 }).toBeGreaterThan(atMs);
    const next = await claw({}, { ...options, lastRunId: written.at(-1)! });
    expect(next.limiter.closedReason).toContain('closed');
    await expect.poll(() => written.at(-1)).toMatch(/^closed \d+ /);
    await next.limiter.close();
  }
  const lastStartAt = performance.now();
  const last = await claw({}, { ...options, lastRunId: written.at(-1)! });
  await last.limiter.permit(last.call(1, { deadlineMs: 20_000 }));
  expect(performance.now() - lostAt).toBeGreaterThan(holdMs - 100);
  // A quarter of it was left; each start adds what it does not know of Redis' clock.
  expect(performance.now() - lastStartAt).toBeLessThan(holdMs - 500);
});

test('books are written down as trusted when what they may lack counts no longer, and again where that fails', async () => {
  const written: string[] = [];
  let fails = false;
  const onRunId = (runId: string): Promise<void> => {
    if (fails) return Promise.reject(new Error('the database is away'));
    written.push(runId);
    return Promise.resolve();
  };
  const first = await claw({}, { onRunId });
  fails = true;
  await server.kill();
  await server.start();
  await expect.poll(() => first.limiter.closedReason).toContain('closed');
  await first.limiter.permit(first.call(1, { deadlineMs: 20_000 }));
  // Open for longer than it waits before it writes that down.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(written).toHaveLength(1);
  fails = false;
  await expect
    .poll(() => written.at(-1), { timeout: 5_000 })
    .toSatisfy((books) => books !== written[0] && !books?.startsWith('closed'));
  const same = await claw({}, { lastRunId: written.at(-1)! });
  await same.limiter.permit(same.call(1));
});

test('what is settled while Redis is away is booked when it is back', async () => {
  const it = await claw({ tokensPerMinute: 100 }, { sendWithinMs: 20_000, entryMs: 20_000 });
  const call = it.call(100);
  await it.limiter.permit(call);
  await server.kill();
  const booked = Promise.all([it.limiter.sent(call, 10), it.limiter.settle(call, { tokens: 130 })]);
  await server.start();
  expect(await booked).toEqual([{ overrunTokens: 0 }, { overrunTokens: 30 }]);
  expect(await it.window()).toMatchObject({ tokens: 130 });
});

test('a fence that Redis lost is put back by who set it', async () => {
  const it = await claw();
  await it.limiter.permit(it.call(1));
  await server.connect().del(`clawcage:default:{o1}:fence:${it.task}`);
  await it.limiter.permit(it.call(1));
});

test('closing lets waiting calls go, and books nothing more', async () => {
  const it = await claw({ requestsPerMinute: 1 });
  await it.limiter.permit(it.call(1));
  const waiting = it.limiter.permit(it.call(1, { deadlineMs: 60_000 }));
  const refused = expect(waiting).rejects.toMatchObject({ code: 'limiter_unavailable' });
  await it.limiter.close();
  await refused;
});
