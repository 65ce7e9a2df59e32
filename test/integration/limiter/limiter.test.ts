import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import { fenceOf } from '#task/fence.ts';
import { eventually } from '../../support/eventually.ts';
import { ClawOfTest, Limiters, ONLY_CALLED, SHORT } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

let server: TestRedis;
let limiters: Limiters;

beforeAll(async () => {
  server = await TestRedis.start();
  limiters = new Limiters(server);
});
afterEach(async () => {
  await limiters.closeAll();
  await server.connect().flushall();
});
afterAll(() => server.stop());

const claw = async (
  caps: { requestsPerMinute?: number; tokensPerMinute?: number },
  options = {},
): Promise<ClawOfTest> => {
  const it = new ClawOfTest(await limiters.open(options), caps);
  await it.fence();
  return it;
};

const scriptCalls = async (): Promise<number> => {
  const stats = await server.connect().info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
};

test('a call gets its permit with the time in which it has to be sent, and counts at once', async () => {
  const it = await claw({ tokensPerMinute: 100 });
  expect(await it.limiter.permit(it.call(60))).toMatchObject({ granted: true, sendWithinMs: 30_000 });
  expect(await it.window()).toEqual({ requests: 1, tokens: 60, waiting: 0 });
});

test('the settle puts what was used in place of what was reserved', async () => {
  const it = await claw({ tokensPerMinute: 100 });
  const call = it.call(90);
  await it.limiter.permit(call);
  expect(await it.limiter.settle(call, { tokens: 20 })).toEqual({ overrunTokens: 0 });
  expect(await it.window()).toMatchObject({ requests: 1, tokens: 20 });
  await it.limiter.permit(it.call(80));
});

test('a settle counts once, however often it comes', async () => {
  const it = await claw({ tokensPerMinute: 100 });
  const call = it.call(50);
  await it.limiter.permit(call);
  const overruns = await Promise.all([70, 70, 10].map((tokens) => it.limiter.settle(call, { tokens })));
  expect(overruns.reduce((sum, { overrunTokens }) => sum + overrunTokens, 0)).toBe(20);
  expect(await it.window()).toMatchObject({ tokens: 70 });
});

test('what is left of a call that was sent and settled is small, and books nothing again', async () => {
  const it = await claw({ tokensPerMinute: 1000 });
  const call = it.call(50);
  const size = async (): Promise<number> => {
    const [key] = await server.connect().keys('*:call:*');
    return Number(await server.connect().memory('USAGE', key!));
  };
  await it.limiter.permit(call);
  const before = await size();
  await it.limiter.sent(call, 0);
  await it.limiter.settle(call, { tokens: 20 });
  expect(await size()).toBeLessThan(before / 2);
  await it.limiter.sent(call, 0);
  await it.limiter.settle(call, { tokens: 70 });
  expect(await it.limiter.extend(call)).toBeUndefined();
  expect(await it.limiter.permit(call)).toMatchObject({ sendWithinMs: 0 });
  expect(await it.window()).toMatchObject({ requests: 1, tokens: 20 });
});

test('a settle without a count charges the whole reservation, and a call that was never sent is charged nothing', async () => {
  const it = await claw({ tokensPerMinute: 100 });
  const [unreported, dropped] = [it.call(30), it.call(40)];
  await it.limiter.permit(unreported);
  await it.limiter.permit(dropped);
  await it.limiter.settle(unreported, {});
  await it.limiter.settle(dropped, { tokens: 0, requests: 0 });
  expect(await it.window()).toMatchObject({ requests: 1, tokens: 30 });
});

test('a permit asked for again under the same name is the same permit, also by another orchestrator', async () => {
  const it = await claw({ tokensPerMinute: 100 });
  const other = await limiters.open();
  const call = it.call(60);
  await Promise.all([it.limiter.permit(call), other.permit(call), it.limiter.permit(call)]);
  expect(await it.window()).toMatchObject({ requests: 1, tokens: 60 });
});

test('a permit asked for again after its call was settled leaves no time to send', async () => {
  const it = await claw({});
  const call = it.call(60);
  await it.limiter.permit(call);
  await it.limiter.settle(call, { tokens: 0, requests: 0 });
  expect(await it.limiter.permit(call)).toMatchObject({ granted: true, sendWithinMs: 0 });
});

test('at its deadline a call is told which limit denied it and when there will be room', async () => {
  const it = await claw({ tokensPerMinute: 100, requestsPerMinute: 5 });
  const first = it.call(60);
  const toldMs = async () => {
    const refusal = await it.limiter.permit(it.call(50)).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'limit_exceeded', details: { level: 'claw', limit: 'tokens' } });
    return Number((refusal as CodedError).details?.['retryAfterMs']);
  };
  for (const [change, roomMs] of [
    [() => it.limiter.permit(first), 91_000],
    [() => it.limiter.sent(first, 0), 61_000],
  ] as const) {
    const beforeAt = performance.now();
    await change();
    const ms = await toldMs();
    expect(ms).toBeLessThanOrEqual(roomMs);
    expect(ms).toBeGreaterThan(roomMs - 100 - (performance.now() - beforeAt));
  }
  expect((await it.window()).waiting).toBe(0);
});

test('all levels grant, or none counts', async () => {
  const it = await claw({});
  const levels = [
    { level: 'claw', id: it.claw, tokensPerMinute: 1000 },
    { level: 'key', id: 'k1', tokensPerMinute: 1000 },
    { level: 'organisation', id: 'o1', requestsPerMinute: 1 },
  ] as const;
  await it.limiter.permit(it.call(10, { standing: async () => ({ levels }) }));
  await expect(it.limiter.permit(it.call(10, { standing: async () => ({ levels }) }))).rejects.toMatchObject({
    details: { level: 'organisation', limit: 'requests' },
  });
  expect(await it.limiter.window('o1', 'key', 'k1')).toEqual({ requests: 1, tokens: 10, waiting: 0 });
  expect(await it.window()).toMatchObject({ requests: 1, tokens: 10 });
});

test.each([
  ['more tokens than the cap', { tokensPerMinute: 59 }, { limit: 'tokens', cap: 59 }],
  ['a closed Claw, by tokens', { tokensPerMinute: 0 }, { limit: 'tokens', cap: 0 }],
  ['a closed Claw, by requests', { requestsPerMinute: 0 }, { limit: 'requests', cap: 0 }],
])('%s never fits, and is told so at once', async (_what, caps, details) => {
  const it = await claw(caps);
  await expect(it.limiter.permit(it.call(60, { deadlineMs: 60_000 }))).rejects.toMatchObject({
    code: 'limit_never_fits',
    details: { level: 'claw', ...details },
  });
});

test('only the newest attempt gets permits', async () => {
  const it = await claw({});
  await it.limiter.permit(it.call(1));
  const other = await limiters.open();
  await other.fence('o1', it.task, fenceOf(2, 1));
  const superseded = { code: 'epoch_superseded', details: undefined };
  const permit = it.limiter.permit(it.call(1, { deadlineMs: 60_000 }));
  await expect(permit).rejects.toThrow(expect.objectContaining(superseded));
  await expect(it.fence(1)).rejects.toThrow(expect.objectContaining(superseded));
  await other.permit(it.call(1, { epoch: 2 }));
});

test('only the newest controller of an attempt’s cage gets permits; a newer attempt is above every controller of the last', async () => {
  const it = await claw({});
  await it.limiter.permit(it.call(1));
  const other = await limiters.open();
  await other.fence('o1', it.task, fenceOf(1, 2));
  const takenOver = { code: 'epoch_superseded', details: { takenOver: true } };
  const superseded = { code: 'epoch_superseded', details: undefined };
  await expect(it.limiter.permit(it.call(1, { deadlineMs: 60_000 }))).rejects.toMatchObject(takenOver);
  await expect(it.fence(1, 1)).rejects.toMatchObject(takenOver);
  await other.permit(it.call(1, { controller: 2 }));
  await it.fence(1, 2 ** 24 - 1);
  await other.fence('o1', it.task, fenceOf(2, 1));
  const permit = it.limiter.permit(it.call(1, { controller: 2 ** 24 - 1 }));
  await expect(permit).rejects.toThrow(expect.objectContaining(superseded));
  await other.permit(it.call(1, { epoch: 2 }));
});

test('a fence is exact to its largest number', async () => {
  const it = await claw({});
  const [epoch, controller] = [2 ** 29 - 1, 2 ** 24 - 1];
  await it.fence(epoch, controller);
  await expect(it.fence(epoch, controller - 1)).rejects.toMatchObject({ details: { takenOver: true } });
  await it.limiter.permit(it.call(1, { epoch, controller }));
  await expect(it.limiter.permit(it.call(1, { epoch, controller: controller - 1 }))).rejects.toMatchObject({
    details: { takenOver: true },
  });
  expect(() => fenceOf(1, 2 ** 24)).toThrowError(expect.objectContaining({ code: 'request_invalid' }));
});

test('an attempt that nobody fenced, or whose task is forgotten, gets none', async () => {
  const it = await claw({});
  await expect(it.limiter.permit(it.call(1, { epoch: 7 }))).rejects.toMatchObject({
    code: 'epoch_superseded',
  });
  await it.limiter.forget('o1', it.task);
  await expect(it.limiter.permit(it.call(1))).rejects.toMatchObject({ code: 'epoch_superseded' });
});

test('calls wait in the order in which they came: small ones do not pass a large one at the head', async () => {
  const it = await claw({ tokensPerMinute: 100 });
  const other = await limiters.open();
  await other.fence('o1', it.task, fenceOf(1, 1));
  const before = it.call(60);
  await it.limiter.permit(before);
  const order: string[] = [];
  const ask = async (name: string, tokens: number, limiter = it.limiter): Promise<void> => {
    const call = it.call(tokens, { deadlineMs: 60_000 });
    const granted = limiter.permit(call).then(() => {
      order.push(name);
      return limiter.settle(call, { tokens: name === 'large' ? 60 : 0 });
    });
    await eventually(async () => expect((await it.window()).waiting).toBe(waiting + 1));
    waiting += 1;
    all.push(granted);
  };
  let waiting = 0;
  const all: Promise<unknown>[] = [];
  await ask('large', 90);
  // Each would fit beside the 60 that count now, and does beside the 60 of the large one: alone, until it has been seen.
  await ask('small 1', 40);
  await ask('small 2', 40, other);
  await ask('small 3', 40);
  await it.limiter.settle(before, { tokens: 0 });
  await Promise.all(all);
  expect(order).toEqual(['large', 'small 1', 'small 2', 'small 3']);
});

test('a waiting call is woken by a settle, without asking meanwhile', async () => {
  const it = await claw({ tokensPerMinute: 100 }, ONLY_CALLED);
  const first = it.call(90);
  await it.limiter.permit(first);
  const waiting = it.limiter.permit(it.call(50, { deadlineMs: 30_000 }));
  await eventually(async () => expect((await it.window()).waiting).toBe(1));
  const before = await scriptCalls();
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(await scriptCalls()).toBe(before);
  const settledAt = performance.now();
  await it.limiter.settle(first, { tokens: 5 });
  await waiting;
  // Far less than the 30 s after which it would have asked by itself.
  expect(performance.now() - settledAt).toBeLessThan(10_000);
  // The settle, and one more try.
  expect(await scriptCalls()).toBe(before + 2);
});

test('a waiting call is woken when enough has run out, at that moment and not by trying', async () => {
  const entryMs = 4_000;
  const it = await claw({ tokensPerMinute: 100 }, { ...ONLY_CALLED, entryMs });
  const first = it.call(90);
  await it.limiter.permit(first);
  const sentAt = performance.now();
  await it.limiter.sent(first, 0);
  const before = await scriptCalls();
  await it.limiter.permit(it.call(50, { deadlineMs: 30_000 }));
  const tookMs = performance.now() - sentAt;
  expect(tookMs).toBeGreaterThan(entryMs - 5);
  expect(tookMs).toBeLessThan((entryMs * 4) / 3);
  expect((await scriptCalls()) - before).toBeLessThanOrEqual(3);
});

test('a waiting call that is given up leaves the line to the next', async () => {
  const it = await claw({ tokensPerMinute: 100 }, ONLY_CALLED);
  await it.limiter.permit(it.call(60));
  const giveUp = new AbortController();
  const large = it.limiter.permit(it.call(90, { deadlineMs: 30_000 }), giveUp.signal);
  const refused = expect(large).rejects.toThrow('no longer wanted');
  await eventually(async () => expect((await it.window()).waiting).toBe(1));
  const small = it.limiter.permit(it.call(10, { deadlineMs: 30_000 }));
  await eventually(async () => expect((await it.window()).waiting).toBe(2));
  const gaveUpAt = performance.now();
  giveUp.abort(new Error('no longer wanted'));
  await refused;
  await small;
  expect(performance.now() - gaveUpAt).toBeLessThan(10_000);
  expect(await it.window()).toMatchObject({ tokens: 70, waiting: 0 });
});

test('the place of an orchestrator that died is given up after its lease', async () => {
  const lease = { leaseMs: 3_000, renewMs: 1_000 };
  const it = await claw({ tokensPerMinute: 100 }, lease);
  await it.limiter.permit(it.call(60));
  const dying = await limiters.open({ ...lease, renewMs: 60_000 });
  const askedAt = performance.now();
  const lost = dying.permit(it.call(90, { deadlineMs: 30_000 })).catch(() => 'lost');
  await eventually(async () => expect((await it.window()).waiting).toBe(1));
  // It holds the head for its lease and never renews it.
  await it.limiter.permit(it.call(10, { deadlineMs: 30_000 }));
  expect(performance.now() - askedAt).toBeGreaterThan(lease.leaseMs - 5);
  await dying.close();
  expect(await lost).toBe('lost');
});

test('a call that was sent too late is charged again at its true time, and shows as an overrun', async () => {
  const sendWithinMs = 300;
  const it = await claw({ tokensPerMinute: 1000 }, { sendWithinMs });
  const call = it.call(100);
  await it.limiter.permit(call);
  await new Promise((resolve) => setTimeout(resolve, sendWithinMs + 50));
  expect(await it.limiter.sent(call, 0)).toEqual({ overrunTokens: 100 });
  expect(await it.limiter.sent(call, 0)).toEqual({ overrunTokens: 0 });
  expect(await it.window()).toMatchObject({ tokens: 200 });
  expect(await it.limiter.settle(call, { tokens: 30 })).toEqual({ overrunTokens: 0 });
  expect(await it.window()).toMatchObject({ tokens: 60 });
});

test('installations that share a Redis do not meet', async () => {
  const it = await claw({ requestsPerMinute: 1 }, { install: 'one' });
  await it.limiter.permit(it.call(1));
  const other = await limiters.open({ install: 'two' });
  await other.fence('o1', it.task, fenceOf(1, 1));
  await other.permit(it.call(1));
});

test('a name that could reach another key is refused', async () => {
  const it = await claw({});
  const call = it.call(1, { callId: 'a:b' });
  await expect(it.limiter.permit(call)).rejects.toMatchObject({
    code: 'request_invalid',
    details: { field: 'callId' },
  });
  await expect(it.limiter.permit(it.call(-5))).rejects.toMatchObject({ details: { field: 'tokens' } });
});

test('an idle Claw leaves nothing behind', async () => {
  const it = await claw({ tokensPerMinute: 100 }, { ...SHORT, recordMs: 500, settledMs: 500 });
  const call = it.call(10);
  await it.limiter.permit(call);
  await it.limiter.settle(call, { tokens: 1 });
  await it.limiter.forget('o1', it.task);
  await vi.waitFor(
    async () =>
      expect((await server.connect().keys('*')).filter((key) => !/:(marker|books)$/.test(key))).toEqual([]),
    { timeout: 8_000, interval: 100 },
  );
});
