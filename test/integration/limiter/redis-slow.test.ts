import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Limiter } from '../../../orchestrator/limiter/limiter.ts';
import { limiterProbe } from '../../../orchestrator/status/readiness.ts';
import { ClawOfTest, Limiters, SHORT } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';
import { SocketProxy } from '../../support/socket-proxy.ts';

const LONG = { sendWithinMs: 30_000, entryMs: 30_000, commandMs: 20_000 } as const;
const LATE = 'Redis answers too late for its clock to be checked';
const { signal } = new AbortController();

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

test('a Redis that answers nothing for six seconds gives no permit in them, says so, and has forgotten nothing after', async () => {
  const it = new ClawOfTest(await limiters.open({ ...LONG, commandMs: 2_000 }), { tokensPerMinute: 100 });
  await it.fence();
  const before = it.call(60);
  await it.limiter.permit(before);
  const pausedAt = performance.now();
  await server.connect().call('CLIENT', 'PAUSE', '6000', 'ALL');

  const reasons: string[] = [];
  const onWaiting = (reason: string): void => void reasons.push(reason);
  const waiting = it.limiter.permit(it.call(40, { deadlineMs: 20_000, onWaiting }));
  const booked = Promise.all([it.limiter.sent(before, 0), it.limiter.settle(before, { tokens: 30 })]);
  const refused = [limiterProbe(it.limiter)(signal), it.limiter.permit(it.call(10))];
  const unanswered = { code: 'limiter_unavailable', details: { reason: 'Redis does not answer in time' } };
  await Promise.all(refused.map((one) => expect(one).rejects.toMatchObject(unanswered)));
  await waiting;
  expect(performance.now() - pausedAt).toBeGreaterThan(5_950);
  expect(reasons).toEqual(['limiter unavailable']);
  expect(await booked).toEqual([{ overrunTokens: 0 }, { overrunTokens: 0 }]);
  // The one that was asked for once too often is not there, and the 40 are there once.
  expect(await it.window()).toEqual({ tokens: 70, requests: 2, waiting: 0 });
  expect(await limiterProbe(it.limiter)(signal)).toBeUndefined();
});

test('a Redis that is late with each answer gives no permit, says why, and gives them again when it is not', async () => {
  await using way = await SocketProxy.to({ path: server.socket });
  const redis = new Redis(way.port, { lazyConnect: true });
  const limiter = new Limiter(redis, LONG);
  try {
    const it = new ClawOfTest(limiter, { tokensPerMinute: 100 });
    await expect.poll(() => limiter.isReady).toBe(true);
    await it.fence();
    await limiter.permit(it.call(60));
    way.delayMs = 600;
    await expect(limiter.permit(it.call(10))).rejects.toMatchObject({
      code: 'limiter_unavailable',
      details: { reason: LATE },
    });
    expect(await limiterProbe(limiter)(signal)).toBe(LATE);
    way.delayMs = 0;
    await limiter.permit(it.call(40, { deadlineMs: 20_000 }));
    expect(await it.window()).toMatchObject({ tokens: 100 });
    expect(await limiterProbe(limiter)(signal)).toBeUndefined();
  } finally {
    await limiter.close();
    redis.disconnect();
  }
});

test('nor does one give any that was late from the start, until it has answered in time once', async () => {
  await using way = await SocketProxy.to({ path: server.socket });
  way.delayMs = 300;
  const redis = new Redis(way.port, { lazyConnect: true });
  const limiter = new Limiter(redis, LONG);
  try {
    const it = new ClawOfTest(limiter, { tokensPerMinute: 100 });
    await expect.poll(() => limiter.isReady).toBe(true);
    await it.fence();
    await expect(limiter.permit(it.call(10))).rejects.toMatchObject({
      code: 'limiter_unavailable',
      details: { reason: LATE },
    });
    expect(limiter.closedReason).toBe(LATE);
    expect(await it.window()).toMatchObject({ requests: 0 });
    way.delayMs = 0;
    await limiter.permit(it.call(40, { deadlineMs: 20_000 }));
    expect(limiter.closedReason).toBeUndefined();
  } finally {
    await limiter.close();
    redis.disconnect();
  }
});

test('a Redis that reads its log gives no permit, says that it does, and is closed when it has', async () => {
  // Closed for longer than a busy machine takes to get here.
  const it = new ClawOfTest(await limiters.open({ ...SHORT, holdMs: 60_000 }), { tokensPerMinute: 100 });
  await it.fence();
  await it.limiter.permit(it.call(60));
  const redis = server.connect();
  await Promise.all(Array.from({ length: 10_000 }, (_, nth) => redis.set(`test:${nth}`, nth)));
  await server.kill();
  // It answers between a thousand entries and the next.
  const started = server.start(['--key-load-delay', '300']);
  const ask = (): Promise<unknown> =>
    it.limiter.permit(it.call(10)).then(
      () => 'granted',
      (error: { details?: { reason?: string } }) => error.details?.reason,
    );
  await expect.poll(ask).toBe('Redis is reading its log');
  await expect(limiterProbe(it.limiter)(signal)).rejects.toMatchObject({
    code: 'limiter_unavailable',
    details: { reason: 'Redis is reading its log' },
  });
  await started;
  await expect.poll(() => it.limiter.isReady).toBe(true);
  expect(await ask()).toContain('closed after a loss of Redis');
});
