import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../../support/free-port.ts';
import { ClawOfTest, Limiters, SHORT } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

const WATCHED = { ...SHORT, watchMs: 50 } as const;
const closed = { code: 'limiter_unavailable', details: { reason: expect.stringContaining('closed') } };

let master: TestRedis;
let replica: TestRedis;
let open: Limiters[];

beforeEach(async () => {
  master = await TestRedis.start({ port: await freePort() });
  replica = await TestRedis.start({ port: await freePort() });
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((limiters) => limiters.closeAll()));
  await Promise.all([master.stop(), replica.stop()]);
});

const on = async (server: TestRedis, options = {}): Promise<ClawOfTest> => {
  const limiters = new Limiters(server);
  open.push(limiters);
  const it = new ClawOfTest(await limiters.open({ ...WATCHED, ...options }), { tokensPerMinute: 100 });
  await it.fence();
  return it;
};

test('a replica that was promoted is closed for those who knew its master', async () => {
  let seen = '';
  const before = await on(master, { onRunId: (runId: string) => (seen = runId) });
  await replica.connect().replicaof('127.0.0.1', master.port);
  await before.limiter.permit(before.call(100));
  await master.kill();
  await replica.connect().replicaof('NO', 'ONE');
  const promotedAt = performance.now();
  const after = await on(replica, { lastRunId: seen });
  await expect(after.limiter.permit(after.call(100))).rejects.toMatchObject(closed);
  await after.limiter.permit(after.call(100, { deadlineMs: 20_000 }));
  expect(performance.now() - promotedAt).toBeGreaterThan(SHORT.holdMs - 200);
});

test('one that becomes a replica under its clients gives no permit, says why, and is closed when it is promoted again', async () => {
  const it = await on(replica);
  await it.limiter.permit(it.call(1));
  const direct = replica.connect();
  await direct.replicaof('127.0.0.1', master.port);
  await expect.poll(() => it.limiter.isReady).toBe(false);
  await expect(it.limiter.permit(it.call(1))).rejects.toMatchObject({
    details: { reason: 'this Redis is a replica and takes no writes' },
  });
  await direct.replicaof('NO', 'ONE');
  await expect.poll(() => it.limiter.isReady).toBe(true);
  await expect(it.limiter.permit(it.call(1))).rejects.toMatchObject(closed);
  expect(it.limiter.closedReason).toMatch(/^closed for \d+ s more after a loss of Redis$/);
});

test.each([
  ['that may throw keys out', '100mb', 'allkeys-lru', 'set its maxmemory-policy to noeviction'],
  ['that has no memory left', '100kb', 'noeviction', 'Redis has no memory left'],
])('one %s gives no permit, and says so', async (_what, maxmemory, policy, reason) => {
  const it = await on(master);
  await it.limiter.permit(it.call(1));
  const direct = master.connect();
  await direct.config('SET', 'maxmemory-policy', policy);
  // Without an end to its memory it does neither.
  await it.limiter.permit(it.call(1));
  await direct.config('SET', 'maxmemory', maxmemory);
  await expect.poll(() => it.limiter.isReady).toBe(false);
  const refused = { code: 'limiter_unavailable', details: { reason: expect.stringContaining(reason) } };
  await expect(it.limiter.permit(it.call(1))).rejects.toMatchObject(refused);
  await expect(it.limiter.ping()).rejects.toMatchObject(refused);
  await direct.config('SET', 'maxmemory', '0');
  await expect.poll(() => it.limiter.isReady).toBe(true);
  await it.limiter.permit(it.call(1));
});

test('one that has thrown keys out is closed when it does so no longer', async () => {
  const it = await on(master);
  await it.limiter.permit(it.call(100));
  const direct = master.connect();
  await direct.config('SET', 'maxmemory-policy', 'volatile-lru');
  await direct.config('SET', 'maxmemory', '1');
  await expect.poll(() => it.limiter.isReady).toBe(false);
  await direct.set('test', 'more').catch(() => undefined);
  expect(await direct.keys('*:claw:*')).toEqual([]);
  await direct.config('SET', 'maxmemory-policy', 'noeviction');
  await direct.config('SET', 'maxmemory', '0');
  await expect.poll(() => it.limiter.isReady).toBe(true);
  await expect(it.limiter.permit(it.call(100))).rejects.toMatchObject(closed);
});

test('books that were wiped when nobody looked are closed, though the same Redis answers', async () => {
  let seen = '';
  const before = await on(master, { onRunId: (runId: string) => (seen = runId) });
  await before.limiter.permit(before.call(100));
  await before.limiter.close();
  await master.connect().flushall();
  const after = await on(master, { lastRunId: seen });
  await expect(after.limiter.permit(after.call(100))).rejects.toMatchObject(closed);
});

test('an organisation that begins right after a wipe does not open the books for the others', async () => {
  const [one, other] = [await on(master, { watchMs: 60_000 }), await on(master, { watchMs: 60_000 })];
  await one.limiter.permit(one.call(100));
  await master.connect().flushall();
  await other.fence();
  await expect(other.limiter.permit(other.call(100))).rejects.toMatchObject(closed);
  await expect(one.limiter.permit(one.call(100))).rejects.toMatchObject(closed);
});

test('scripts that are flushed are sent again', async () => {
  const it = await on(master, { entryMs: 30_000 });
  await it.limiter.permit(it.call(60));
  await master.connect().script('FLUSH');
  await it.limiter.permit(it.call(40));
  await expect(it.limiter.permit(it.call(1))).rejects.toMatchObject({ code: 'limit_exceeded' });
});

test('a question that Redis got late is not decided, and one under the same name has one permit', async () => {
  const it = await on(master, { commandMs: 2000, sendWithinMs: 30_000, entryMs: 30_000 });
  await it.limiter.permit(it.call(1));
  const call = it.call(60, { deadlineMs: 20_000 });
  master.pause();
  const waiting = it.limiter.permit(call);
  // It has given up when Redis gets to it.
  await expect(it.limiter.permit(it.call(30))).rejects.toMatchObject({ code: 'limiter_unavailable' });
  await new Promise((resolve) => setTimeout(resolve, 550));
  master.resume();
  await waiting;
  await it.limiter.permit(call);
  expect(await it.window()).toMatchObject({ tokens: 61, requests: 2 });
});
