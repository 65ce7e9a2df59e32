import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { TaskStops } from '../../../orchestrator/tasks/task-stops.ts';

type State = 'queued' | 'starting' | 'running' | 'succeeded' | 'cancelled';

/** Stops on a task in `state`; `endsBy` says what else ends it: nothing does by itself. */
function stopsOn(state: State, { run = false, starting = false, graceMs = 1000 } = {}) {
  const done: string[] = [];
  const task = { id: 'task_1', organisation: 'o', claw: 'c', epoch: 1, holder: 'other', state };
  const stops = new TaskStops({
    store: {
      tasks: {
        requestCancel: async () => {
          done.push('marked');
          return task.state !== 'succeeded';
        },
        byId: async () => ({ ...task }),
      },
      claws: { byId: async () => ({ cancelGraceMs: graceMs }) },
    },
    runs: {
      get: () => (run ? { stop: () => done.push('run stopped') } : undefined),
      endQueued: async () => {
        done.push('queued ended');
        task.state = 'cancelled';
      },
      finish: async () => {
        done.push('row ended');
        task.state = 'cancelled';
      },
    },
    launcher: {
      end: async () => {
        if (starting) done.push('start given up');
        return starting;
      },
    },
    tellOthers: () => void done.push('others told'),
    log: { warn: () => undefined },
  } as never);
  return { done, task, stop: () => stops.stop(task as never, 'cancelled') };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('a cancel', () => {
  it('stops a task that runs here', async () => {
    const { done, stop } = stopsOn('running', { run: true });
    await stop();
    expect(done).toEqual(['marked', 'run stopped']);
  });

  it('ends one that has just gone back to the queue at once, although its last run is still there', async () => {
    const { done, stop } = stopsOn('queued', { run: true });
    await stop();
    expect(done).toEqual(['marked', 'queued ended']);
  });

  it('gives up a start', async () => {
    const { done, stop } = stopsOn('starting', { starting: true });
    await stop();
    expect(done).toEqual(['marked', 'start given up']);
  });

  it('of a task that another has, or nobody, is told to the others', async () => {
    const { done, stop } = stopsOn('running');
    await stop();
    expect(done).toEqual(['marked', 'others told']);
  });

  it('does nothing to a task that has ended', async () => {
    const { done, stop } = stopsOn('succeeded', { run: true });
    await stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(done).toEqual(['marked']);
  });

  it.each(['starting', 'running'] as const)(
    'ends the row of a %s task within two seconds where nothing else does',
    async (state) => {
      const { done, task, stop } = stopsOn(state, { run: state === 'running' });
      await stop();
      await vi.advanceTimersByTimeAsync(1900);
      expect(done.at(-1)).toBe('row ended');
      expect(task.state).toBe('cancelled');
    },
  );

  it("leaves the agent its Claw's grace before that", async () => {
    const { done, stop } = stopsOn('running', { run: true, graceMs: 30_000 });
    await stop();
    await vi.advanceTimersByTimeAsync(29_900);
    expect(done).not.toContain('row ended');
    await vi.advanceTimersByTimeAsync(1000);
    expect(done).toContain('row ended');
  });

  it('leaves the row to the result that came before', async () => {
    const { done, task, stop } = stopsOn('running', { run: true });
    await stop();
    task.state = 'succeeded';
    await vi.advanceTimersByTimeAsync(5000);
    expect(done).not.toContain('row ended');
  });

  it('goes to the others where the start turns out to be theirs', async () => {
    const { done, stop, task } = stopsOn('starting');
    const stops = new TaskStops({
      store: {
        tasks: { requestCancel: async () => true, byId: async () => task },
        claws: { byId: async () => undefined },
      },
      runs: { get: () => undefined },
      launcher: { end: async () => Promise.reject(new CodedError('lease_lost')) },
      tellOthers: () => void done.push('others told'),
      log: { warn: () => undefined },
    } as never);
    await stops.stop(task as never, 'cancelled');
    expect(done).toEqual(['others told']);
    expect(stop).toBeTypeOf('function');
  });
});
