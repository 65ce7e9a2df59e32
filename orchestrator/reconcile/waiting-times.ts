import { untilDueMs, type Clocks, type Due } from '#task/due.ts';

/** A task that waits, as its row says. */
export interface WaitingTask extends Due {
  readonly id: string;
  readonly epoch: number;
  readonly createdAt: Date;
}

/**
 * How long tasks have waited for a start: since they were accepted, or might begin; a retry since it went back to the queue. Counted by the monotonic clock from the first look at each on; what
 * lies before that is taken from the row, by whichever of two clocks says less, since one of them may have been set.
 */
export class WaitingTimes {
  /** By attempt: when its wait began, in the clock of `nowMs`. */
  #since = new Map<string, number>();

  /** Those of all that wait now, of a Claw or several, that have waited for `limitMs` of theirs. Who is not among `waiting` is forgotten. */
  over<T extends WaitingTask & { readonly limitMs: number }>(
    waiting: readonly T[],
    now: Clocks,
    nowMs: number,
  ): T[] {
    const since = new Map<string, number>();
    const late: T[] = [];
    for (const task of waiting) {
      if (task.retryWaitMs === null && untilDueMs(task, now) > 0) continue;
      const attempt = `${task.id}-${task.epoch}`;
      const began = this.#since.get(attempt) ?? nowMs - waitedMs(task, now);
      since.set(attempt, began);
      if (nowMs - began >= task.limitMs) late.push(task);
    }
    this.#since = since;
    return late;
  }
}

function waitedMs({ createdAt, notBefore, retryWaitMs }: WaitingTask, { wallMs, steadyMs }: Clocks): number {
  const beganMs =
    retryWaitMs !== null && notBefore !== null
      ? notBefore.getTime() - retryWaitMs
      : Math.max(createdAt.getTime(), notBefore?.getTime() ?? 0);
  return Math.max(0, Math.min(wallMs, steadyMs) - beganMs);
}
