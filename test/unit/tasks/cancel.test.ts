import { describe, expect, it } from 'vitest';
import { TaskService } from '../../../orchestrator/tasks/task-service.ts';

/** A service whose task is in `state`, while a run of it is (still) there. */
function serviceWith(state: 'queued' | 'running') {
  const done: string[] = [];
  const task = { id: 'task_1', organisation: 'o', claw: 'c', state };
  const service = new TaskService({
    store: { tasks: { requestCancel: async () => true, byId: async () => task } },
    runs: {
      get: () => ({ stop: () => done.push('stopped') }),
      endQueued: async () => done.push('ended'),
    },
  } as never);
  return { done, stop: () => service.stopTask(task as never, 'cancelled') };
}

describe('a cancel', () => {
  it('stops a task that runs', async () => {
    const { done, stop } = serviceWith('running');
    await stop();
    expect(done).toEqual(['stopped']);
  });

  it('ends one that has just gone back to the queue at once, although its last run is still there', async () => {
    const { done, stop } = serviceWith('queued');
    await stop();
    expect(done).toEqual(['ended']);
  });
});
