import { expect, it } from 'vitest';
import { Adoption } from '../../../orchestrator/reconcile/adoption.ts';

/** What is done about a task that was found without anybody to listen to it, and has this state by the time that it is looked at. */
async function takenOver({ state, mine = 'not' }: { state: string; mine?: 'not' | 'run' | 'launching' }) {
  const done: string[] = [];
  const task = { id: 'task_1', organisation: 'o', claw: 'c', state, epoch: 2 };
  const adoption = new Adoption({
    store: {
      tasks: { byId: async () => task },
      claws: { byId: async () => ({ id: 'c' }) },
      cages: { ofTask: async () => [] },
    },
    runs: {
      get: () => (mine === 'run' ? {} : undefined),
      fail: async () => done.push('given up'),
    },
    isLaunching: () => mine === 'launching',
    organisation: 'o',
    log: { warn: () => undefined },
  } as never);
  adoption.add('task_1');
  await adoption.retry();
  return done;
}

it('an attempt that nobody has is given up, but not one that has ended, waits again or was begun anew meanwhile', async () => {
  expect(await takenOver({ state: 'starting' })).toEqual(['given up']);
  expect(await takenOver({ state: 'running' })).toEqual(['given up']);
  for (const state of ['succeeded', 'queued']) expect(await takenOver({ state }), state).toEqual([]);
  for (const mine of ['run', 'launching'] as const)
    expect(await takenOver({ state: 'starting', mine }), mine).toEqual([]);
});
