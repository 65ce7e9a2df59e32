import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { fenceOf } from '#task/fence.ts';
import { ClawOfTest, Limiters } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

let redis: TestRedis;
let limiters: Limiters;
beforeAll(async () => {
  redis = await TestRedis.start();
  limiters = new Limiters(redis);
});
afterEach(() => limiters.closeAll());
afterAll(() => redis.stop());

const PREFIX = 'clawcage:default:{o1}';
const keysOf = ({ claw, task }: ClawOfTest) => ({
  base: `${PREFIX}:claw:${claw}`,
  fence: `${PREFIX}:fence:${task}`,
  call: (callId: string) => `${PREFIX}:call:${task}:1:${callId}`,
});

/** Two releases run side by side while one follows the other: each reads what the other wrote, in the form of the one before. */
test('a call that the release before permitted is sent and settled here', async () => {
  const of = new ClawOfTest(await limiters.open(), { tokensPerMinute: 1000 });
  const { base, fence, call } = keysOf(of);
  const client = redis.connect();
  const ref = `${of.task}:1:old`;
  const [seconds] = await client.time();
  const now = Number(seconds) * 1000;
  await client.set(fence, String(fenceOf(1, 1)), 'PX', 60_000);
  await client.zadd(`${base}:log`, now + 91_000, `${ref}|400|1`);
  await client.hset(`${base}:sum`, { tokens: 400, requests: 1, last: now });
  await client.hset(call('old'), {
    permitted: now,
    expires: now + 91_000,
    tokens: 400,
    requests: 1,
    reserved: 400,
    ref,
    queue: `${base}:queue`,
    levels: `${base}:log\n${base}:sum\n`,
  });
  await of.fence(1, 2);
  const { organisation, task, limiter } = of;
  await limiter.sent({ organisation, task, epoch: 1, callId: 'old' }, 0);
  expect(Number(await client.zscore(`${base}:log`, `${ref}|400|1`))).toBeLessThan(now + 70_000);
  await limiter.settle({ organisation, task, epoch: 1, callId: 'old' }, { tokens: 500 });
  expect(await of.window()).toMatchObject({ tokens: 500, requests: 1 });
});

test('what is written here the release before can read: a fence is a number, a call names its queue, logs and sums', async () => {
  const of = new ClawOfTest(await limiters.open(), { tokensPerMinute: 1000 });
  const { base, fence, call } = keysOf(of);
  await of.fence();
  await of.limiter.permit(of.call(10));
  const client = redis.connect();
  expect(await client.get(fence)).toBe(String(fenceOf(1, 1)));
  expect(await client.hgetall(call('call-1'))).toMatchObject({
    queue: `${base}:queue`,
    levels: `${base}:log\n${base}:sum\n`,
  });
});

test('a call that the release before settled is under way no longer', async () => {
  const of = new ClawOfTest(await limiters.open(), {});
  const { call } = keysOf(of);
  await of.fence();
  const standing = async () => ({ levels: [{ level: 'claw', id: of.claw } as const], callsAtOnce: 1 });
  await of.limiter.permit(of.call(10, { standing }));
  const denied = { code: 'limit_exceeded', details: { limit: 'calls' } };
  await expect(of.limiter.permit(of.call(10, { standing }))).rejects.toMatchObject(denied);
  await redis.connect().hset(call('call-1'), 'settled', 1);
  await of.limiter.permit(of.call(10, { standing }));
});
