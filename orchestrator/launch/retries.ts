import type { ErrorBody } from '#errors/coded-error.ts';
import { toCodedError } from '#errors/coded-error.ts';
import { retryDelayMs, sparedDelayMs, sparedReason } from '#task/retry.ts';
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

/** A launch that is cut off that often may itself be the reason: from then on it counts as an attempt. */
const CUT_OFF_LIMIT = 20;

/** Another attempt. */
export interface Again {
  /** By the steady clock. */
  readonly at: Date;
  /** What its task waits for. */
  readonly waiting: string;
  /** The one that failed does not count. */
  readonly spared: boolean;
}

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

  /**
   * Undefined where no other attempt follows. A task that is to be cancelled gets none, nor one that would miss its deadline. What the machine cut short before the agent had the
   * task does not count, and waits for as long as the task may wait.
   */
  async next(task: TaskRow, error: ErrorBody, reached: Reached): Promise<Again | undefined> {
    const { store } = this.#parts;
    const now = await store.tasks.byId(task.organisation, task.id);
    const claw = await store.claws.byId(task.organisation, task.claw);
    if (!now || !claw || now.cancelRequested) return undefined;
    const { handedOver } = reached;
    const cutOff = reached.neverBegan && now.spared < CUT_OFF_LIMIT ? 'its start was cut off' : undefined;
    const spared = cutOff ?? sparedReason({ error, handedOver });
    if (spared !== undefined)
      return { at: inMs(sparedDelayMs(now.spared, Math.random())), waiting: spared, spared: true };
    // An agent of the Claw's own may act before it asks a model, and need not tell of it.
    const ownAgent = handedOver && claw.agent.command !== null;
    const acted = now.acted || reached.unwatched === true || ownAgent;
    const attempts = task.epoch - now.spared;
    const delayMs = retryDelayMs(claw.retry, { error, attempts, handedOver, acted }, Math.random());
    if (delayMs === undefined) return undefined;
    const misses = now.deadline !== null && Date.now() + delayMs >= now.deadline.getTime();
    const waiting = `retry ${attempts + 1} of ${claw.retry.attempts}: ${error.code}`;
    return misses ? undefined : { at: inMs(delayMs), waiting, spared: false };
  }

  /** Back to the queue with its reason; `undefined` where the task has ended meanwhile. Only once no old cage can have an agent with the task. */
  async requeue(task: TaskRow, { at, waiting, spared }: Again): Promise<TaskRow | undefined> {
    const { store, queue, log } = this.#parts;
    const retryWaitMs = Math.max(0, Math.round(at.getTime() - steadyNow()));
    const row = await store.tasks.requeue(task, { notBefore: at, retryWaitMs, waiting, spared });
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

const inMs = (ms: number): Date => new Date(steadyNow() + ms);
