import { describe, expect, it } from 'vitest';
import { Adoption } from '../../../orchestrator/reconcile/adoption.ts';

const ME = 'orch_me';

interface Situation {
  readonly state?: string;
  readonly handedOver?: boolean;
  /** Of the attempt's cage; none where it is left out. */
  readonly cage?: { readonly state: string; readonly container?: object };
  readonly mine?: 'run' | 'launching';
  /** Another was faster. */
  readonly isTaken?: boolean;
}

/** What is done about an attempt that nobody holds. */
async function takenOver({ state = 'running', handedOver = true, cage, mine, isTaken = false }: Situation) {
  const done: object[] = [];
  const task = { id: 'task_1', organisation: 'o', claw: 'c', state, handedOver, epoch: 2, holder: ME };
  const cages = cage ? [{ id: 'cage_1', state: cage.state, taskEpoch: 2, epoch: 1 }] : [];
  const adoption = new Adoption({
    store: {
      tasks: {
        begunFor: async () => [{ ...task, holder: 'orch_gone' }],
        adopt: async () => (isTaken ? undefined : { task, cages }),
      },
      claws: { byId: async () => ({ id: 'c' }) },
      cages: { listFor: async () => [] },
    },
    runtime: { inspect: async () => cage?.container },
    keeper: { holder: ME, has: () => false, keepOnly: async () => undefined },
    runs: {
      get: () => (mine === 'run' ? {} : undefined),
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
