import type { ErrorBody } from '#errors/coded-error.ts';
import { toCodedError } from '#errors/coded-error.ts';
import { retryDelayMs } from '#task/retry.ts';
import type { Log } from '../log.ts';
import type { DispatchQueue } from '../queue/dispatch-queue.ts';
import type { Store } from '../store/store.ts';
import type { TaskRow } from '../store/tasks-store.ts';

interface Parts {
  readonly store: Store;
  readonly queue: DispatchQueue;
  readonly log: Log;
}

/** How far a failed attempt had come. */
export interface Reached {
  /** Its agent was given the task. */
  readonly handedOver: boolean;
  /** What the agent did is not known, so it may have acted. */
  readonly unwatched?: boolean;
}

/** Whether and when a failed attempt is followed by another, by the Claw's policy; and the task's way back to the queue. */
export class Retries {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** When the next attempt may begin; undefined where there is none. A task that is to be cancelled, or would miss its deadline, gets none. */
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
    const at = new Date(Date.now() + delayMs);
    return now.deadline !== null && at >= now.deadline ? undefined : at;
  }

  /** Back to the queue with its reason; `undefined` where the task has ended meanwhile. Only once the old cage is surely gone. */
  async requeue(task: TaskRow, error: ErrorBody, at: Date): Promise<TaskRow | undefined> {
    const { store, queue, log } = this.#parts;
    const attempts = (await store.claws.byId(task.organisation, task.claw))?.retry.attempts;
    const waiting = `retry ${task.epoch + 1} of ${attempts ?? '?'}: ${error.code}`;
    const row = await store.tasks.requeue(task.organisation, task.id, task.epoch, { notBefore: at, waiting });
    if (!row) return undefined;
    try {
      await queue.add(
        { organisation: task.organisation, task: task.id, epoch: task.epoch, priority: task.priority },
        at.getTime() - Date.now(),
      );
    } catch (thrown) {
      log.warn({ task: task.id, code: toCodedError(thrown).code }, 'dispatched again by a later round');
    }
    return row;
  }
}
