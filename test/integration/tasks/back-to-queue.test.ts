import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { fenceOf } from '#task/fence.ts';
import { Vault } from '#vault/vault.ts';
import { EventHub } from '../../../orchestrator/events/event-hub.ts';
import { Retries } from '../../../orchestrator/launch/retries.ts';
import { Runs } from '../../../orchestrator/launch/runs.ts';
import type { Limiter } from '../../../orchestrator/limiter/limiter.ts';
import type { PermitRequest, Standing } from '../../../orchestrator/limiter/permit-request.ts';
import { Limiters } from '../../support/limiter.ts';
import { MemoryKeks, MemoryShreddingKeys } from '../../support/memory-keys.ts';
import { pgliteStore } from '../../support/pglite-store.ts';
import { TestRedis } from '../../support/redis.ts';
import { newTenant, type Tenant } from '../../support/store-rows.ts';

const nothing = new Proxy({}, { get: () => async () => undefined }) as never;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined } as never;

let opened: Awaited<ReturnType<typeof pgliteStore>>;
let redis: TestRedis;
let limiters: Limiters;
let tenant: Tenant;
let limiter: Limiter;
let standing: Standing;

beforeAll(async () => {
  [opened, redis] = await Promise.all([pgliteStore(), TestRedis.start()]);
  limiters = new Limiters(redis);
});
beforeEach(async () => {
  tenant = await newTenant(opened.store);
  limiter = await limiters.open();
  standing = { levels: [{ level: 'claw', id: tenant.claw.id }], callsAtOnce: 1 };
});
afterAll(async () => {
  await limiters.closeAll();
  await Promise.all([opened.close(), redis.stop()]);
});

/** An attempt of a new task of the Claw, and a call of it, which is decided when Redis has time for it. */
async function attempt() {
  const { organisation, claw } = tenant;
  const task = (await tenant.begin((await tenant.addTask()).task.id))!;
  await limiter.fence(organisation, task.id, fenceOf(task.epoch, 1));
  const call = (callId: string, deadlineMs = 20_000): PermitRequest => ({
    organisation,
    claw: claw.id,
    task: task.id,
    epoch: task.epoch,
    fence: fenceOf(task.epoch, 1),
    callId,
    tokens: 10,
    standing: async () => standing,
    deadlineMs,
  });
  return { task, call };
}

/** Each failed attempt is followed by another, an hour later. */
function patientRuns(): Runs {
  const { store } = opened;
  const retries = new Retries({ store, queue: { add: async () => undefined } as never, log });
  const at = new Date(Date.now() + 3_600_000);
  retries.next = async () => ({ at, waiting: 'retry 2 of 3', spared: false });
  return new Runs({
    store,
    vault: new Vault({ keks: new MemoryKeks(), shredding: new MemoryShreddingKeys() }),
    log,
    events: new EventHub(),
    telemetry: nothing,
    limiter,
    keeper: nothing,
    kept: nothing,
    retries,
    resultUnfetchedMs: 60_000,
    onFinal: () => undefined,
    onFree: () => undefined,
  });
}

it('an attempt that goes back to the queue has no calls under way, however long the next one waits, and gets no more', async () => {
  const [failing, other] = [await attempt(), await attempt()];
  await limiter.permit(failing.call('never-settled'));
  const onWaiting = vi.fn();
  const waiting = limiter.permit({ ...other.call('waits', 50_000), onWaiting });
  await vi.waitFor(() => expect(onWaiting).toHaveBeenCalledWith('claw calls'), 20_000);
  const subject = { task: failing.task, claw: tenant.claw };
  await patientRuns().fail(subject, new CodedError('cage_died'), { handedOver: true });
  expect(await tenant.seen(failing.task.id)).toMatchObject({ state: 'queued', epoch: failing.task.epoch });
  await waiting;
  await expect(limiter.permit(failing.call('late'))).rejects.toMatchObject({ code: 'epoch_superseded' });
  const next = (await tenant.begin(failing.task.id))!;
  await limiter.fence(tenant.organisation, next.id, fenceOf(next.epoch, 1));
});

/** An attempt that is listened to, in a cage of which only the link is there. */
async function listened(deadlineMs: number) {
  const { task, call } = await attempt();
  const replies: unknown[] = [];
  let hear: (message: object, number: number) => Promise<void> = async () => undefined;
  const cage = {
    cageId: `cage of ${task.id}`,
    epoch: 1,
    clock: { agoMs: () => undefined, cageTime: () => undefined },
    handle: (heard: typeof hear) => (hear = heard),
    send: (message: object) => replies.push(message),
  } as never;
  const runs = patientRuns();
  runs.listen({ task, claw: tenant.claw, cage, deadlineMs });
  const ask = {
    type: 'permit_request',
    taskId: task.id,
    epoch: task.epoch,
    callId: 'c',
    tokens: 1,
    waitMs: 20_000,
  };
  const permit = () => hear(ask, 1);
  return { runs, cageId: `cage of ${task.id}`, task, call, permit, replies };
}

it('a fence that Redis loses is not put back for an attempt that another has', async () => {
  const { runs, cageId, task, call } = await listened(60_000);
  const lose = () => redis.connect().del(`clawcage:default:{${tenant.organisation}}:fence:${task.id}`);
  standing = { ...standing, callsAtOnce: 10 };
  await lose();
  await limiter.permit(call('before'));
  runs.letGo(cageId);
  await lose();
  await expect(limiter.permit(call('after'))).rejects.toMatchObject({ code: 'epoch_superseded' });
});

it('a call holds its place until a quarter of an hour after the time of its task at the longest', async () => {
  await opened.store.claws.setState(tenant.organisation, tenant.claw.id, 'deployed');
  const { runs, permit, replies } = await listened(60_000);
  await permit();
  await expect.poll(() => replies).toHaveLength(1);
  const level = `clawcage:default:{${tenant.organisation}}:claw:${tenant.claw.id}`;
  const [, until] = await redis.connect().zrange(`${level}:flight`, '0', '0', 'WITHSCORES');
  const heldMs = Number(until) - Date.now();
  expect(heldMs).toBeGreaterThan(900_000);
  expect(heldMs).toBeLessThanOrEqual(960_000);
  runs.release();
});
