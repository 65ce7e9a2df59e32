import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fenceOf } from '#task/fence.ts';
import type { Limiter } from '../../../orchestrator/limiter/limiter.ts';
import { ClawOfTest, Limiters, SHORT } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

/** What an orchestrator, and its heir, hear where they ask for a permit for the same cage. */
const heard = (limiter: Limiter, of: ClawOfTest, controller: number): Promise<string> =>
  limiter.permit(of.call(1, { controller })).then(
    () => 'granted',
    (error: { code: string }) => error.code,
  );

describe.each([
  ['has its books yet', true],
  ['has lost its books', false],
])('a cage that is taken over while Redis is away, when it is back and %s', (_what, durable) => {
  let server: TestRedis;
  let limiters: Limiters;
  let of: ClawOfTest;
  let heir: Limiter;

  beforeEach(async () => {
    server = await TestRedis.start({ durable });
    limiters = new Limiters(server);
    of = new ClawOfTest(await limiters.open(SHORT), {});
    heir = await limiters.open(SHORT);
    await of.fence();
    await server.kill();
    await heir.takeOver(of.organisation, of.task, fenceOf(1, 2));
  });
  afterEach(async () => {
    await limiters.closeAll();
    await server.stop();
  });

  test('gets its permits from the heir, also where Redis loses the fence', async () => {
    expect(await heard(heir, of, 2)).toBe('limiter_unavailable');
    await server.start();
    await heir.permit(of.call(1, { controller: 2, deadlineMs: 20_000 }));
    // Each is closed from when it has seen the loss itself, and tells Redis so.
    await expect.poll(() => of.limiter.isOpen).toBe(true);
    expect(await heard(of.limiter, of, 1)).toBe('epoch_superseded');
    await server.connect().del(`clawcage:default:{o1}:fence:${of.task}`);
    expect(await heard(heir, of, 2)).toBe('granted');
    expect(await heard(of.limiter, of, 1)).toBe('epoch_superseded');
  });

  test('gets none from the one before, though the heir asks for none', async () => {
    await server.start();
    await expect
      .poll(() => heard(of.limiter, of, 1), { timeout: 5_000, interval: 200 })
      .toBe('epoch_superseded');
  });

  test('stays with whoever took it over after that', async () => {
    await server.start();
    await expect.poll(() => of.limiter.isReady && heir.isReady).toBe(true);
    await of.limiter.takeOver(of.organisation, of.task, fenceOf(1, 3));
    await expect(heir.takeOver(of.organisation, of.task, fenceOf(1, 2))).rejects.toMatchObject({
      code: 'epoch_superseded',
    });
    expect(await heard(heir, of, 2)).toBe('epoch_superseded');
  });

  test('is not taken back by an older word of the same orchestrator', async () => {
    await expect(heir.takeOver(of.organisation, of.task, fenceOf(1, 1))).rejects.toMatchObject({
      code: 'epoch_superseded',
    });
  });
});
