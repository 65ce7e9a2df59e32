import { afterAll, beforeAll, expect, it } from 'vitest';
import { DispatchQueue, type Dispatch } from '../../../orchestrator/queue/dispatch-queue.ts';
import { pgliteStore } from '../../support/pglite-store.ts';
import { TestRedis } from '../../support/redis.ts';
import { until } from '../../support/service.ts';
import { newTenant, type Tenant } from '../../support/store-rows.ts';

const log = { info: () => undefined, warn: () => undefined, error: () => undefined } as never;
const LOCK_MS = 400;

let redis: TestRedis;
let opened: Awaited<ReturnType<typeof pgliteStore>>;
let tenant: Tenant;
beforeAll(async () => {
  [redis, opened] = await Promise.all([TestRedis.start(), pgliteStore()]);
  tenant = await newTenant(opened.store);
  await opened.store.claws.setState(tenant.organisation, tenant.claw.id, 'deployed');
});
afterAll(async () => {
  await opened.close();
  await redis.stop();
});

/** Two orchestrators' queues, the deliveries that each of them got, and the attempts that came of them. */
async function twoWorkers(launchFor: Promise<void>) {
  const deliveries: { at: number; dispatch: Dispatch }[] = [];
  const begun: unknown[] = [];
  const queues = [0, 1].map(
    (at) =>
      [
        at,
        new DispatchQueue({ connect: () => redis.connect(), install: 'i', lockMs: LOCK_MS, log }),
      ] as const,
  );
  for (const [at, queue] of queues)
    queue.start(async (dispatch) => {
      deliveries.push({ at, dispatch });
      const { store } = opened;
      const task = (await store.tasks.byId(dispatch.organisation, dispatch.task))!;
      const prepared = { id: store.cages.newId(), linkSecretRecord: Buffer.from('s') };
      const answer = await store.places.takeForTask(
        { ...task, epoch: dispatch.epoch },
        { holder: `orch_${at}`, maxCages: 100, prepared },
      );
      if ('task' in answer) begun.push(answer);
      await launchFor;
    }, 4);
  const close = () => Promise.all(queues.map(([, queue]) => queue.close()));
  return { deliveries, begun, queue: queues[0]![1], close };
}

it('a job whose lock is taken away while its launch waits goes to another orchestrator, and begins no second attempt', async () => {
  const launching = Promise.withResolvers<void>();
  const { deliveries, begun, queue, close } = await twoWorkers(launching.promise);
  const { id } = (await tenant.addTask()).task;
  await queue.add({ organisation: tenant.organisation, task: id, epoch: 0, priority: 0 });
  await until(async () => deliveries.length > 0, 'the delivery');
  const client = redis.connect();
  await until(async () => {
    // It is renewed as long as it is there; a lost one is not taken again.
    await client.del(...(await client.keys('*:lock')), 'none');
    return deliveries.length > 1;
  }, 'the second delivery');
  launching.resolve();
  await close();
  expect(begun).toHaveLength(1);
  expect(await tenant.seen(id)).toMatchObject({ state: 'starting', epoch: 1 });
});

it('a dispatch that two orchestrators get at once begins one attempt', async () => {
  const { begun, queue, close } = await twoWorkers(Promise.resolve());
  const { id } = (await tenant.addTask()).task;
  const dispatch = { organisation: tenant.organisation, task: id, epoch: 0, priority: 0 };
  for (let again = 0; again < 10; again += 1) {
    await queue.add(dispatch);
    await until(async () => !(await queue.has(dispatch)), 'the job to be done');
  }
  await close();
  expect(begun).toHaveLength(1);
});
