import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Vault } from '#vault/vault.ts';
import { EventHub } from '../../../orchestrator/events/event-hub.ts';
import { FileDesk } from '../../../orchestrator/launch/file-desk.ts';
import { Runs } from '../../../orchestrator/launch/runs.ts';
import { Reaper } from '../../../orchestrator/reconcile/reaper.ts';
import { FileService } from '../../../orchestrator/tasks/file-service.ts';
import { MemoryKeks, MemoryShreddingKeys } from '../../support/memory-keys.ts';
import { pgliteStore } from '../../support/pglite-store.ts';
import { newTenant, type Tenant } from '../../support/store-rows.ts';

const nothing = new Proxy({}, { get: () => async () => undefined }) as never;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined } as never;

let opened: Awaited<ReturnType<typeof pgliteStore>>;
let tenant: Tenant;
let shredding: MemoryShreddingKeys & { list(): Promise<{ id: string; madeAtMs: number }[]> };
let vault: Vault;
beforeAll(async () => {
  opened = await pgliteStore();
  tenant = await newTenant(opened.store);
  shredding = Object.assign(new MemoryShreddingKeys(), {
    list: async () => [...shredding.keys.keys()].map((id) => ({ id, madeAtMs: 0 })),
  });
  vault = new Vault({ keks: new MemoryKeks(), shredding });
});
afterAll(() => opened?.close());

const filesWith = (resultFetchedMs: number): FileService =>
  new FileService({ tasks: opened.store.tasks, files: opened.store.taskFiles, vault, resultFetchedMs });

/** A task whose first attempt left files and went back to the queue, and whose second left some and ended. */
async function endedTask(state: 'succeeded' | 'failed', keptMs: number): Promise<string> {
  const { store } = opened;
  const { organisation, claw, key } = tenant;
  const id = store.tasks.newId();
  const sealedInput = await vault.sealContent({ organisation, task: id, kind: 'input' }, Buffer.from('in'));
  await store.tasks.create({ id, organisation, claw: claw.id, sealedInput, timeoutMs: 1000 });
  const leave = async (epoch: number, files: Record<string, { text: string; whole: boolean }>) => {
    const attempt = { organisation, task: id, epoch, fence: epoch, claw: claw.id, key: key.id };
    const desk = new FileDesk({ attempt, vault, files: store.taskFiles });
    for (const [path, { text, whole }] of Object.entries(files)) {
      const data = Buffer.from(text).toString('base64');
      const piece = { type: 'output_file', taskId: id, epoch, path } as const;
      await desk.take({ ...piece, piece: 0, last: false, data });
      if (whole) await desk.take({ ...piece, piece: 1, last: true, data });
    }
  };
  const first = (await store.tasks.takeEpoch((await store.tasks.byId(organisation, id))!, 'orch_1'))!;
  await leave(1, { 'a.txt': { text: 'old', whole: true }, 'only-first.txt': { text: 'old', whole: true } });
  await store.tasks.takeEpoch((await store.tasks.requeue(first))!, 'orch_1');
  await leave(2, { 'a.txt': { text: 'new', whole: true }, 'cut.txt': { text: 'half', whole: false } });
  const task = (await store.tasks.byId(organisation, id))!;
  const runs = new Runs({
    store,
    vault,
    log,
    events: new EventHub(),
    telemetry: nothing,
    limiter: { forget: async () => undefined } as never,
    keeper: nothing,
    kept: nothing,
    retries: nothing,
    resultUnfetchedMs: keptMs,
    onFinal: () => undefined,
    onFree: () => undefined,
  });
  await runs.finish({ task, claw }, { state, ...(state === 'succeeded' && { answer: 'done' }) });
  return id;
}

async function rowsOf(task: string): Promise<number> {
  const { taskFiles } = opened.store;
  const left = await Promise.all(
    [1, 2].map((epoch) => taskFiles.ofAttempt(tenant.organisation, task, epoch)),
  );
  return left.flat().length;
}

/** A reaper with an engine that has nothing; rounds share what was seen, as those of a service do. */
const reaperAt = (now: () => number): Reaper =>
  new Reaper({
    store: opened.store,
    vault,
    shredding,
    runtime: { list: async () => [], leftovers: async () => [] } as never,
    home: { keyDrafts: async () => [], lockFiles: async () => [] } as never,
    streams: { tasks: async () => [], forget: async () => undefined },
    self: () => null,
    mayAct: () => true,
    cages: nothing,
    graceMs: 1000,
    log,
    now,
  });

const round = (): Promise<void> => reaperAt(() => 0).round();

describe('files that a task left', () => {
  it('are those that the attempt which ended it left whole', async () => {
    const task = await endedTask('succeeded', 60_000);
    const files = filesWith(60_000);
    expect(await files.list(tenant.organisation, task)).toEqual([{ path: 'a.txt', bytes: 6 }]);
    const fetched = await files.fetch(tenant.organisation, task, 'a.txt');
    expect(String(await buffer(fetched.pieces))).toBe('newnew');
    for (const path of ['only-first.txt', 'cut.txt', '../a.txt'])
      await expect(files.fetch(tenant.organisation, task, path)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('stay while their time is not over, and are shredded and deleted when it is', async () => {
    const stays = await endedTask('succeeded', 60_000);
    const goes = await endedTask('succeeded', -1);
    await round();
    expect(await filesWith(60_000).list(tenant.organisation, stays)).toHaveLength(1);
    expect(shredding.keys.has(stays)).toBe(true);
    expect(shredding.keys.has(goes)).toBe(false);
    expect(await rowsOf(goes)).toBe(0);
    await expect(filesWith(1).list(tenant.organisation, goes)).rejects.toMatchObject({ code: 'result_gone' });
    await expect(filesWith(1).fetch(tenant.organisation, goes, 'a.txt')).rejects.toMatchObject({
      code: 'result_gone',
    });
  });

  it('that were fetched go earlier, with the result; one that is being read is cut off', async () => {
    const task = await endedTask('succeeded', 60_000);
    const reading = await filesWith(-1).fetch(tenant.organisation, task, 'a.txt');
    await round();
    expect(shredding.keys.has(task)).toBe(false);
    expect(await rowsOf(task)).toBe(0);
    expect(await opened.store.tasks.sealedResult(tenant.organisation, task)).toBeNull();
    await expect(buffer(reading.pieces)).rejects.toMatchObject({ code: 'result_gone' });
  });

  it('of a task that did not succeed are gone with it', async () => {
    const task = await endedTask('failed', 60_000);
    expect(shredding.keys.has(task)).toBe(false);
    expect(await rowsOf(task)).toBe(0);
    expect(await filesWith(1).list(tenant.organisation, task)).toEqual([]);
  });
});

describe('shredding keys of tasks that hold nothing', () => {
  it('are destroyed, some hundreds in a round, however many more there are than one statement can name', async () => {
    const kept = await endedTask('succeeded', 60_000);
    for (let at = 0; at < 70_000; at += 1) shredding.keys.set(`task_${at}`, Buffer.alloc(32));
    let nowMs = 0;
    const reaper = reaperAt(() => nowMs);
    await reaper.round();
    const before = shredding.keys.size;
    nowMs = 3_600_000;
    await reaper.round();
    await reaper.round();
    expect(before - shredding.keys.size).toBe(1000);
    expect(shredding.keys.has(kept)).toBe(true);
  });
});
