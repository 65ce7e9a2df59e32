import { describe, expect, it } from 'vitest';
import { plan, type Facts } from '../../../orchestrator/reconcile/reaper-plan.ts';

const GRACE_MS = 60_000;
const MINUTE = 60_000;
type Cages = NonNullable<Facts['cages']>;
type Row = Cages['rows'][number];

const row = (change: Partial<Row> = {}): Row => ({
  id: 'cage_1',
  organisation: 'o',
  state: 'assigned',
  holder: 'me',
  task: 'task_1',
  taskOver: false,
  ...change,
});
const container = (state: 'created' | 'running' | 'exited', cageId = 'cage_1', exitCode?: number) => ({
  cageId,
  state,
  createdAtMs: 0,
  ...(exitCode !== undefined && { exitCode }),
});
const cages = (change: Partial<Cages>): Facts => ({
  cages: {
    self: 'me',
    live: new Set(['me', 'other']),
    rows: [],
    containers: [],
    laterRows: new Set(),
    ...change,
  },
});
const planned = (facts: Facts) =>
  plan(facts, { graceMs: GRACE_MS }).map(({ kind, name, action, graceMs }) => [kind, name, action, graceMs]);

describe('a container', () => {
  it('without a row goes after the grace, and at once where it has ended', () => {
    const containers = [container('running', 'a'), container('created', 'b'), container('exited', 'c')];
    expect(planned(cages({ containers }))).toEqual([
      ['container', 'a', 'remove', GRACE_MS],
      ['container', 'b', 'remove', GRACE_MS],
      ['container', 'c', 'remove', 0],
    ]);
  });

  it('whose row came while the containers were listed is left alone', () => {
    expect(planned(cages({ containers: [container('running')], laterRows: new Set(['cage_1']) }))).toEqual(
      [],
    );
  });
});

describe('a cage', () => {
  it('of one who lives is left to that one, whatever became of it', () => {
    for (const state of ['creating', 'warm', 'assigned', 'ending'] as const)
      expect(planned(cages({ rows: [row({ state, holder: 'other', taskOver: true })] }))).toEqual([]);
  });

  it('that runs for its task, or waits for one, is left alone', () => {
    const containers = [container('running')];
    expect(planned(cages({ rows: [row()], containers }))).toEqual([]);
    expect(planned(cages({ rows: [row({ state: 'warm', task: null })], containers }))).toEqual([]);
    expect(planned(cages({ rows: [row({ holder: 'gone' })], containers }))).toEqual([]);
  });

  it('whose end was begun is ended at once', () => {
    for (const holder of ['me', 'gone', null])
      expect(planned(cages({ rows: [row({ state: 'ending', holder })] }))).toEqual([
        ['cage', 'cage_1', 'end', 0],
      ]);
  });

  it('that is being opened gets its time, and the grace where who opened it is gone', () => {
    const opening = (holder: string | null) => planned(cages({ rows: [row({ state: 'creating', holder })] }));
    expect(opening('me')).toEqual([['cage', 'cage_1', 'end', 15 * MINUTE]]);
    expect(opening('gone')).toEqual([['cage', 'cage_1', 'end', GRACE_MS]]);
  });

  it('whose attempt is over is ended after the grace, although its container runs', () => {
    const rows = [row({ taskOver: true })];
    expect(planned(cages({ rows, containers: [container('running')] }))).toEqual([
      ['cage', 'cage_1', 'end', GRACE_MS],
    ]);
  });

  it('whose container has ended, or is gone, is lost, with the exit code that it has', () => {
    const [ended] = plan(cages({ rows: [row()], containers: [container('exited', 'cage_1', 75)] }), {
      graceMs: GRACE_MS,
    });
    expect(ended).toMatchObject({ action: 'end', graceMs: 0, lost: { exitCode: 75 } });
    const [gone] = plan(cages({ rows: [row()] }), { graceMs: GRACE_MS });
    expect(gone).toMatchObject({ action: 'end', graceMs: 0, lost: {} });
  });

  it('of one who is gone is left to who takes its attempt over; a spare is not', () => {
    expect(planned(cages({ rows: [row({ holder: 'gone' })] }))).toEqual([]);
    expect(planned(cages({ rows: [row({ holder: 'gone', state: 'warm', task: null })] }))).toHaveLength(1);
  });
});

describe('other things', () => {
  it('that are on the engine go after the grace, or later where somebody may have them in hand', () => {
    const thing = { id: 'x', name: 'x', why: 'w' };
    const engine = [
      { ...thing, kind: 'volume', patienceMs: 0 },
      { ...thing, kind: 'container', patienceMs: 15 * MINUTE },
    ] as const;
    expect(planned({ engine })).toEqual([
      ['volume', 'x', 'remove', GRACE_MS],
      ['container', 'x', 'remove', 15 * MINUTE],
    ]);
  });

  it('are shredded, forgotten or removed, keys not before the rows of a large batch can be there', () => {
    const facts: Facts = {
      results: [{ organisation: 'o', id: 'task_1' }],
      shreddingKeys: ['task_2'],
      keyDrafts: ['.draft-1'],
      taskFiles: ['task_3'],
      idempotencyKeys: { tasks: 3, batches: 0 },
      orchestrators: ['orch_1'],
      lockFiles: ['orch_1'],
      eventStreams: ['task_4'],
    };
    expect(planned(facts)).toEqual([
      ['result', 'task_1', 'shred', 0],
      ['shredding_key', 'task_2', 'shred', 10 * MINUTE],
      ['key_draft', '.draft-1', 'remove', 10 * MINUTE],
      ['task_files', 'task_3', 'remove', MINUTE],
      ['idempotency_keys', 'tasks', 'forget', 0],
      ['orchestrator', 'orch_1', 'forget', MINUTE],
      ['lock_file', 'orch_1', 'remove', MINUTE],
      ['event_stream', 'task_4', 'remove', 10 * MINUTE],
    ]);
    const [key] = plan({ shreddingKeys: ['task_2'] }, { graceMs: 0 });
    expect(key!.graceMs).toBe(MINUTE);
  });

  it('that were not looked at have no leftovers', () => {
    expect(planned({})).toEqual([]);
  });
});
