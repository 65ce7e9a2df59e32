import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { fenceOf } from '#task/fence.ts';
import type { PermitRequest } from '../../../orchestrator/limiter/permit-request.ts';
import { ClawOfTest, Limiters, SHORT } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

test.each([
  ['a call that ended', (of: ClawOfTest, call: PermitRequest) => of.limiter.settle(call, { tokens: 1 })],
  ['a call of a task that ended', (of: ClawOfTest) => of.limiter.forget(of.organisation, of.task)],
  [
    'a call of an attempt that ended',
    (of: ClawOfTest) => of.limiter.endAttempts(of.organisation, of.task, fenceOf(2, 0)),
  ],
])(
  '%s while Redis was away is under way no longer when it is back, however long that was',
  async (_what, end) => {
    const redis = await TestRedis.start({ durable: true });
    const limiters = new Limiters(redis);
    try {
      const of = new ClawOfTest(await limiters.open(SHORT), {});
      const standing = { levels: [{ level: 'claw', id: of.claw } as const], callsAtOnce: 1 };
      const inFlight = () =>
        of.limiter.standing(of.organisation, of.claw, standing).then(
          (state) => state.inFlight,
          () => undefined,
        );
      await of.fence();
      const call = of.call(10, { standing: async () => standing });
      await of.limiter.permit(call);
      expect(await inFlight()).toBe(1);
      await redis.kill();
      const ended = end(of, call);
      await pause(SHORT.sendWithinMs + SHORT.entryMs + 600);
      await redis.start();
      await ended;
      await expect.poll(inFlight, { timeout: 10_000 }).toBe(0);
    } finally {
      await limiters.closeAll();
      await redis.stop();
    }
  },
);

test('a task that ended while Redis answered and took no writes has no calls under way as soon as it does, on the same connection', async () => {
  const redis = await TestRedis.start();
  const limiters = new Limiters(redis);
  try {
    const of = new ClawOfTest(await limiters.open({ watchMs: 50 }), {});
    const standing = { levels: [{ level: 'claw', id: of.claw } as const] };
    const inFlight = async () => (await of.limiter.standing(of.organisation, of.claw, standing)).inFlight;
    await of.fence();
    await of.limiter.permit(of.call(10));
    const client = redis.connect();
    // As with a full disk: reads are answered, writes are refused.
    await client.config('SET', 'min-replicas-to-write', '1');
    const connections = async () => /total_connections_received:\d+/.exec(await client.info('stats'))?.[0];
    const before = await connections();
    await of.limiter.forget(of.organisation, of.task);
    expect(await inFlight()).toBe(1);
    await client.config('SET', 'min-replicas-to-write', '0');
    await expect.poll(inFlight, { timeout: 5_000 }).toBe(0);
    expect(await connections()).toBe(before);
  } finally {
    await limiters.closeAll();
    await redis.stop();
  }
});
