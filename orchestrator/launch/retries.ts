import type { ErrorBody } from '#errors/coded-error.ts';
import { toCodedError } from '#errors/coded-error.ts';
import { retryDelayMs } from '#task/retry.ts';
import type { Log } from '../log.ts';
import type { DispatchQueue } from '../queue/dispatch-queue.ts';
import { steadyNow } from '../steady-clock.ts';
import type { Store } from '../store/store.ts';
import type { TaskRow } from '../store/tasks-store.ts';

interface Parts {
  readonly store: Store;
  readonly queue: DispatchQueue;
  readonly log: Log;
}

/** Launches that may be cut off beyond the attempts that the policy allows. */
const CUT_OFF_LIMIT = 20;

/** How far a failed attempt had come. */
export interface Reached {
  /** Its agent was given the task. */
  readonly handedOver: boolean;
  /** What the agent did is not known, so it may have acted. */
  readonly unwatched?: boolean;
  /** Its orchestrator went before the agent's `start` was on its way: that is no attempt of the task's. */
  readonly neverBegan?: boolean;
}

/** Whether and when a failed attempt is followed by another, by the Claw's policy; and the task's way back to the queue. */
export class Retries {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** When the next attempt may begin, by the steady clock; undefined where there is none. A task that is to be cancelled, or would miss its deadline, gets none. */
  async next(task: TaskRow, error: ErrorBody, reached: Reached): Promise<Date | undefined> {
    const { store } = this.#parts;
    const now = await store.tasks.byId(task.organisation, task.id);
    const claw = await store.claws.byId(task.organisation, task.claw);
    if (!now || !claw || now.cancelRequested) return undefined;
    // An agent of the Claw's own may act before it asks a model, and need not tell of it.
    const ownAgent = reached.handedOver && claw.agent.command !== null;
    const acted = now.acted || reached.unwatched === true || ownAgent;
    const failed = { error, epoch: task.epoch, handedOver: reached.handedOver, acted };
    const delayMs = retryDelayMs(claw.retry, failed, Math.random());
    if (delayMs === undefined) return undefined;
    const misses = now.deadline !== null && Date.now() + delayMs >= now.deadline.getTime();
    return misses ? undefined : new Date(steadyNow() + delayMs);
  }

  /** When a task may begin whose launch was cut off, whatever the Claw's policy: at once, unless that has happened so often that the launch itself may be the reason. */
  async handBack(task: TaskRow): Promise<Date | undefined> {
    const claw = await this.#parts.store.claws.byId(task.organisation, task.claw);
    if (!claw || task.epoch >= claw.retry.attempts + CUT_OFF_LIMIT) return undefined;
    return new Date(steadyNow());
  }

  /** Back to the queue with its reason; `undefined` where the task has ended meanwhile. Only once the old cage is surely gone. */
  async requeue(task: TaskRow, error: ErrorBody, at: Date): Promise<TaskRow | undefined> {
    const { store, queue, log } = this.#parts;
    const attempts = (await store.claws.byId(task.organisation, task.claw))?.retry.attempts;
    const waiting = `retry ${task.epoch + 1} of ${attempts ?? '?'}: ${error.code}`;
    const retryWaitMs = Math.max(0, Math.round(at.getTime() - steadyNow()));
    const row = await store.tasks.requeue(task, { notBefore: at, retryWaitMs, waiting });
    if (!row) return undefined;
    try {
      await queue.add(
        { organisation: task.organisation, task: task.id, epoch: task.epoch, priority: task.priority },
        retryWaitMs,
      );
    } catch (thrown) {
      log.warn({ task: task.id, code: toCodedError(thrown).code }, 'dispatched again by a later round');
    }
    return row;
  }
}
