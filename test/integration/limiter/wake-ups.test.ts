import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Standing } from '../../../orchestrator/limiter/permit-request.ts';
import { eventually } from '../../support/eventually.ts';
import { ClawOfTest, Limiters, ONLY_CALLED } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

let redis: TestRedis;
let limiters: Limiters;
beforeAll(async () => {
  redis = await TestRedis.start();
  limiters = new Limiters(redis);
});
afterEach(() => limiters.closeAll());
afterAll(() => redis.stop());

test('a call that waits for its key is called also where its Claw was stopped for a moment that it did not see', async () => {
  const limiter = await limiters.open(ONLY_CALLED);
  const [holder, claw] = [new ClawOfTest(limiter, {}), new ClawOfTest(limiter, {})];
  const standing = (of: ClawOfTest, paused?: string) => async (): Promise<Standing> => ({
    levels: [
      { level: 'claw', id: of.claw },
      { level: 'key', id: 'k1', tokensPerMinute: 100 },
    ],
    paused,
  });
  await holder.fence();
  await claw.fence();
  const held = holder.call(100, { standing: standing(holder) });
  await limiter.permit(held);
  const onWaiting = vi.fn();
  const waits = claw.call(100, { standing: standing(claw), deadlineMs: 60_000, onWaiting });
  const permitted = limiter.permit(waits);
  await eventually(() => expect(onWaiting).toHaveBeenCalledWith('key tokens'));
  const whileStopped = claw.call(1, { standing: standing(claw, 'claw stopped'), deadlineMs: 100 });
  await expect(limiter.permit(whileStopped)).rejects.toMatchObject({ code: 'limit_exceeded' });
  await limiter.settle(held, { tokens: 0 });
  expect(await permitted).toMatchObject({ granted: true });
}, 50_000);
