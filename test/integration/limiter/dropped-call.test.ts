import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ToCage } from '#protocol/link-messages.ts';
import { fenceOf } from '#task/fence.ts';
import { CallDesk } from '../../../orchestrator/launch/call-desk.ts';
import { Telemetry } from '../../../orchestrator/telemetry/telemetry.ts';
import { ClawOfTest, Limiters } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

let server: TestRedis;
let limiters: Limiters;

beforeAll(async () => {
  server = await TestRedis.start();
  limiters = new Limiters(server);
});
afterAll(async () => {
  await limiters.closeAll();
  await server.stop();
});

/** The desks of an attempt at two orchestrators, one after the other; each asks for the one call that there is. */
async function attempt() {
  const it = new ClawOfTest(await limiters.open(), { tokensPerMinute: 100 });
  const deskOf = async (controller: number) => {
    await it.fence(1, controller);
    const replies: ToCage[] = [];
    const { organisation, claw, task } = it;
    const desk = new CallDesk({
      attempt: { organisation, claw, task, epoch: 1, fence: fenceOf(1, controller), key: 'k' },
      limiter: it.limiter,
      clock: { agoMs: () => undefined, cageTime: () => undefined },
      ledger: { record: async () => undefined },
      telemetry: new Telemetry(),
      log: { warn: () => undefined },
      standing: it.call(1).standing,
      onWaiting: () => undefined,
    });
    const ask = (): Promise<void> =>
      desk.permit(
        {
          type: 'permit_request',
          taskId: task,
          epoch: 1,
          callId: 'c',
          tokens: 60,
          operation: 'chat',
          model: 'm',
          waitMs: 20_000,
        },
        (reply) => void replies.push(reply),
      );
    return { desk, ask, replies };
  };
  const record = `clawcage:default:{o1}:call:${it.task}:1:c`;
  const isGivenBack = async (): Promise<void> => {
    await expect.poll(() => server.connect().hget(record, 'settled'), { timeout: 20_000 }).not.toBeNull();
    expect(await it.window()).toEqual({ tokens: 0, requests: 0, waiting: 0 });
    const standing = await it.limiter.standing('o1', it.claw, await it.call(1).standing());
    expect(standing.inFlight).toBe(0);
  };
  return { deskOf, isGivenBack };
}

const granted = (replies: readonly ToCage[]): Promise<void> =>
  expect.poll(() => replies, { timeout: 20_000 }).toMatchObject([{ decision: { granted: true } }]);

test('a call that is dropped while Redis decides takes nothing, and nobody is told of its permit', async () => {
  const { deskOf, isGivenBack } = await attempt();
  const { desk, ask, replies } = await deskOf(1);
  await ask();
  desk.abandon('c');
  await isGivenBack();
  expect(replies).toEqual([]);
});

test('nor does one whose permit is on its way to its meter', async () => {
  const { deskOf, isGivenBack } = await attempt();
  const { desk, ask, replies } = await deskOf(1);
  await ask();
  await granted(replies);
  desk.abandon('c');
  await isGivenBack();
});

test('nor one that was permitted by the orchestrator before, though its meter was never told', async () => {
  const { deskOf, isGivenBack } = await attempt();
  const before = await deskOf(1);
  await before.ask();
  await granted(before.replies);
  before.desk.release();
  const { desk } = await deskOf(2);
  desk.abandon('c');
  await isGivenBack();
});
