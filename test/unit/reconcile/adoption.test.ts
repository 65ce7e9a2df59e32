import { describe, expect, it } from 'vitest';
import { fenceOf } from '#task/fence.ts';
import { Adoption } from '../../../orchestrator/reconcile/adoption.ts';

const ME = 'orch_me';

interface Situation {
  readonly state?: string;
  readonly handedOver?: boolean;
  readonly acted?: boolean;
  /** Of the attempt's cage; none where it is left out. */
  readonly cage?: {
    readonly state: string;
    readonly container?: object;
    readonly ackedEvent?: number;
    readonly acted?: true;
  };
  readonly mine?: 'run' | 'launching';
  /** Another was faster. */
  readonly isTaken?: boolean;
}

/** What is done about an attempt that nobody holds. */
async function takenOver(situation: Situation) {
  const { state = 'running', handedOver = true, acted = false, cage, mine, isTaken = false } = situation;
  const done: object[] = [];
  const task = {
    id: 'task_1',
    organisation: 'o',
    claw: 'c',
    state,
    handedOver,
    acted,
    epoch: 2,
    holder: ME,
    waiting: null,
    deadline: null,
  };
  const cages = cage ? [{ id: 'cage_1', state: cage.state, taskEpoch: 2, epoch: 1 }] : [];
  const adoption = new Adoption({
    store: {
      tasks: {
        begunFor: async () => [{ ...task, holder: 'orch_gone' }],
        byId: async () => task,
        markActed: async () => done.push({ acted: true }),
        adopt: async () => (isTaken ? undefined : { task, cages }),
      },
      claws: { byId: async () => ({ id: 'c' }) },
      cages: { listFor: async () => [] },
    },
    runtime: { inspect: async () => cage?.container },
    limiter: { takeOver: async () => undefined },
    telemetry: { cageStarted: () => undefined },
    events: { acknowledged: async (_of: object, by: object) => done.push(by) },
    keeper: {
      holder: ME,
      has: () => false,
      keepOnly: async () => undefined,
      connect: async () => ({
        hello: { task: { taskId: task.id, epoch: 2, ackedEvent: cage?.ackedEvent, acted: cage?.acted } },
      }),
    },
    runs: {
      get: () => (mine === 'run' ? {} : undefined),
      listen: () => done.push({ listens: true }),
      fail: async (_subject: unknown, { code }: { code: string }, reached: object) =>
        done.push({ code, ...reached }),
    },
    isLaunching: () => mine === 'launching',
    organisation: 'o',
    log: { warn: () => undefined, info: () => undefined },
  } as never);
  await adoption.takeOver();
  return done;
}

const unwatched = { handedOver: true, unwatched: true, neverBegan: false };

describe('an attempt that nobody holds', () => {
  it('is left alone where another took it over, or this process has it', async () => {
    expect(await takenOver({ isTaken: true })).toEqual([]);
    for (const mine of ['run', 'launching'] as const) expect(await takenOver({ mine }), mine).toEqual([]);
  });

  it('begins anew where its start was never sent', async () => {
    // The row of its cage may be ending, or gone.
    for (const cage of [{ cage: { state: 'creating' } }, { cage: { state: 'ending' } }, {}])
      expect(await takenOver({ state: 'starting', handedOver: false, ...cage })).toMatchObject([
        { neverBegan: true, handedOver: false },
      ]);
  });

  it('may have acted where its start may have been sent', async () => {
    for (const state of ['starting', 'running'])
      expect(await takenOver({ state, cage: { state: 'assigned' } })).toEqual([
        { code: 'cage_died', ...unwatched },
      ]);
    expect(await takenOver({ state: 'starting' })).toMatchObject([unwatched]);
  });

  it('goes on where its cage does, once it is told which of its events were acknowledged', async () => {
    const cage = { state: 'assigned', container: { state: 'running' } };
    expect(await takenOver({ cage })).toEqual([{ listens: true }]);
    expect(await takenOver({ cage: { ...cage, ackedEvent: 7 } })).toEqual([
      { fence: fenceOf(2, 1), once: { field: 'cage 2', number: 7 } },
      { listens: true },
    ]);
  });

  it('has acted where its cage says so, whatever the one who heard of it could write', async () => {
    const cage = { state: 'assigned', container: { state: 'running' }, acted: true } as const;
    expect(await takenOver({ cage })).toEqual([{ acted: true }, { listens: true }]);
    expect(await takenOver({ cage, acted: true })).toEqual([{ listens: true }]);
  });

  it('was orphaned where its container says so', async () => {
    const container = { state: 'exited', exitCode: 75 };
    expect(await takenOver({ cage: { state: 'assigned', container } })).toEqual([
      { code: 'task_orphaned', ...unwatched },
    ]);
    expect(
      await takenOver({ cage: { state: 'assigned', container: { ...container, exitCode: 1 } } }),
    ).toMatchObject([{ code: 'cage_died' }]);
  });
});
