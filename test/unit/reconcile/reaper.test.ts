import { mkdtempSync, readdirSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { DEFAULT_RESOURCES } from '#runtime/runtime.ts';
import { HomeLeftovers } from '../../../orchestrator/reconcile/home-leftovers.ts';
import { Reaper } from '../../../orchestrator/reconcile/reaper.ts';
import { FakeRuntime } from '../../../orchestrator/runtimes/fake/index.ts';

const GRACE_MS = 1000;
const homes: string[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true });
});

/** A reaper of a fake engine and a home of its own; `at` is its clock. */
function world(change: { held?: boolean; rows?: object[]; needed?: string[] } = {}) {
  const home = mkdtempSync(join(tmpdir(), 'clawcage-reaper-'));
  homes.push(home);
  const runtime = new FakeRuntime({ install: 'a' });
  const clock = { nowMs: 0, held: change.held ?? true, asked: 0 };
  const keys = new Set<string>();
  const ended: string[] = [];
  const store = {
    orchestrators: { live: async () => [{ id: 'me' }], gone: async () => [], forgetGone: async () => 0 },
    tasks: { dueResults: async () => [], holdingContent: async () => new Set(change.needed ?? []) },
    taskFiles: { deleteOf: async () => undefined },
    leftovers: {
      cages: async () => change.rows ?? [],
      claimEnd: async () => true,
      filesWithoutResult: async () => [],
      forgottenKeys: async () => (clock.asked++, { tasks: 0, batches: 0 }),
      openOf: async () => new Set(),
    },
  };
  const reaper = new Reaper({
    store: store as never,
    runtime,
    vault: { shred: async (id: string) => void keys.delete(id) },
    shredding: { list: async () => [...keys].map((id) => ({ id })) },
    home: new HomeLeftovers(home),
    streams: { tasks: async () => [], forget: async () => undefined },
    self: () => 'me',
    mayAct: () => clock.held,
    cages: {
      end: async (_organisation, id) => ended.push(id),
      lost: async (_organisation, id) => void ended.push(`lost ${id}`),
    },
    graceMs: GRACE_MS,
    log: { info: () => undefined, warn: () => undefined } as never,
    now: () => clock.nowMs,
  });
  const at = async (nowMs: number): Promise<void> => {
    clock.nowMs = nowMs;
    await reaper.round();
  };
  const spec = (cageId: string) => ({ cageId, image: 'i', resources: DEFAULT_RESOURCES });
  const open = (cageId: string, of = runtime) => of.create(spec(cageId), Buffer.from('{}'));
  const present = async () => (await runtime.list()).map(({ cageId }) => cageId);
  return { home, runtime, clock, keys, ended, reaper, at, open, present };
}

describe('the reaper', () => {
  it('removes a container without a row once it has seen it for the grace, whatever the time of its creation', async () => {
    const { runtime, at, open, present } = world();
    await open('c1');
    Object.assign(runtime.engine.containers.values().next().value!, { createdAtMs: 0 });
    await at(5_000_000);
    expect(await present()).toEqual(['c1']);
    await at(5_000_000 + GRACE_MS - 1);
    expect(await present()).toEqual(['c1']);
    await at(5_000_000 + GRACE_MS);
    expect(await present()).toEqual([]);
  });

  it('begins to count anew where a thing was needed in between', async () => {
    const rows: object[] = [];
    const { at, open, present } = world({ rows });
    await open('c1');
    await at(0);
    rows.push({ id: 'c1', organisation: 'o', state: 'warm', holder: 'me', task: null, taskOver: false });
    await at(GRACE_MS);
    rows.pop();
    await at(2 * GRACE_MS);
    expect(await present()).toEqual(['c1']);
    await at(3 * GRACE_MS);
    expect(await present()).toEqual([]);
  });

  it('removes one that has ended at once', async () => {
    const { runtime, at, open, present } = world();
    await open('c1');
    runtime.end('c1', 1);
    await at(0);
    expect(await present()).toEqual([]);
  });

  it('leaves everything of another installation alone, also of one whose id begins like its own', async () => {
    const { runtime, at } = world();
    const other = new FakeRuntime({ install: 'a-b', engine: runtime.engine });
    const spec = { cageId: 'c1', image: 'i', resources: DEFAULT_RESOURCES };
    await other.create(spec, Buffer.from('{}'));
    other.end('c1', 1);
    runtime.engine.leftovers.set('a-b', [{ kind: 'volume', id: 'v', name: 'v', why: 'w', patienceMs: 0 }]);
    await at(0);
    await at(1e9);
    expect(await other.list()).toHaveLength(1);
    expect(await other.leftovers()).toHaveLength(1);
  });

  it('does nothing while another may act in its place', async () => {
    const { runtime, clock, at, open, present } = world({ held: false });
    await open('c1');
    runtime.end('c1', 1);
    await at(0);
    expect(await present()).toEqual(['c1']);
    clock.held = true;
    await at(1);
    expect(await present()).toEqual([]);
  });

  it('goes on where a part cannot be looked at, or one thing not be removed', async () => {
    const { runtime, keys, at, open, present } = world();
    await open('c1');
    await open('c2');
    for (const id of ['c1', 'c2']) runtime.end(id, 1);
    keys.add('task_1');
    runtime.faults.next('list', { at: 'asked', code: 'runtime_unavailable' });
    await at(0);
    await at(60_000);
    expect(keys.size).toBe(0);
    expect(await present()).toEqual([]);
    await open('c3');
    await open('c4');
    for (const id of ['c3', 'c4']) runtime.end(id, 1);
    runtime.faults.next('destroy', { at: 'asked', code: 'runtime_failed' });
    await at(60_001);
    expect(await present()).toHaveLength(1);
    await at(60_002);
    expect(await present()).toEqual([]);
  });

  it('ends the cages that are due, and tells those of which the container is gone as lost', async () => {
    const cage = { organisation: 'o', holder: 'me', task: null, taskOver: false };
    const rows = [
      { ...cage, id: 'c1', state: 'ending' },
      { ...cage, id: 'c2', state: 'warm' },
    ];
    const { ended, at } = world({ rows });
    await at(0);
    expect(ended.toSorted()).toEqual(['c1', 'lost c2']);
  });

  it('keeps a key that is needed after all', async () => {
    const { keys, at } = world({ needed: ['task_1'] });
    keys.add('task_1');
    await at(0);
    await at(1e7);
    expect(keys.has('task_1')).toBe(true);
  });

  it('takes drafts of keys and locks of those who are gone from the home, and nothing else', async () => {
    const { home, at } = world();
    const draft = '.draft-0123456789abcdef';
    for (const [folder, names] of [
      ['shred', [draft, '.draft-x', 'task_1']],
      ['orchestrators', ['orch_1.lock', 'me.lock', 'orch_2.txt']],
    ] as const) {
      mkdirSync(join(home, folder));
      for (const name of names) writeFileSync(join(home, folder, name), '');
    }
    await at(0);
    await at(100 * GRACE_MS);
    expect(readdirSync(join(home, 'shred')).toSorted()).toEqual(['.draft-x', 'task_1']);
    expect(readdirSync(join(home, 'orchestrators')).toSorted()).toEqual(['me.lock', 'orch_2.txt']);
  });

  it('looks seldom at what is dear to look at', async () => {
    const { clock, at } = world();
    for (let round = 0; round < 50; round++) await at(round * GRACE_MS);
    expect(clock.asked).toBe(1);
    await at(60 * GRACE_MS);
    expect(clock.asked).toBe(2);
  });
});

describe('a dry run', () => {
  it('tells what is left over, for how long and when it goes, and removes nothing', async () => {
    const { runtime, clock, reaper, at, open, present } = world();
    await open('c1');
    await at(0);
    await open('c2');
    runtime.end('c2', 0);
    clock.nowMs = 400;
    const { leftovers, more, unseen } = await reaper.leftovers();
    expect(leftovers).toEqual([
      {
        kind: 'container',
        name: 'c2',
        why: 'it has ended, and no row names it',
        action: 'remove',
        ageMs: 0,
        dueInMs: 0,
      },
      { kind: 'container', name: 'c1', why: 'no row names it', action: 'remove', ageMs: 400, dueInMs: 600 },
    ]);
    expect([more, unseen]).toEqual([0, []]);
    expect(await present()).toHaveLength(2);
  });

  it('tells that nothing was found, and what could not be looked at', async () => {
    const { runtime, reaper } = world();
    expect(await reaper.leftovers()).toEqual({ leftovers: [], more: 0, unseen: [] });
    runtime.engine.away = true;
    expect(await reaper.leftovers()).toEqual({
      leftovers: [],
      more: 0,
      unseen: ['cages', 'engine'].map((what) => ({ what, code: new CodedError('runtime_unavailable').code })),
    });
  });
});
