import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { Runs } from '../launch/runs.ts';
import type { Log } from '../log.ts';
import { clocks } from '../steady-clock.ts';
import type { Store } from '../store/store.ts';
import { WaitingTimes } from './waiting-times.ts';

interface Parts {
  readonly store: Pick<Store, 'tasks' | 'claws'>;
  readonly runs: Pick<Runs, 'get' | 'all' | 'endQueued'>;
  readonly organisation: string;
  readonly everyMs: number;
  readonly log: Log;
}

/** Nobody is told later than that of a time that is over. */
const LATEST_MS = 5000;
/** Of one Claw; those behind them are looked at when these have gone. */
const WAITING_AT_ONCE = 20_000;

/**
 * Ends tasks whose time is over: past their deadline in whatever state, or past the time that their Claw lets them wait; and attempts here whose task has ended elsewhere. A timer of its own, so
 * that an engine that hangs does not hold it up. The time of starting is the launcher's, that of running the cage's.
 */
export class TimeLimits {
  readonly #parts: Parts;
  readonly #waiting = new WaitingTimes();
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setTimeout(
      () => {
        this.#working = this.round().finally(() => {
          if (!this.#closed) this.start();
        });
      },
      Math.min(this.#parts.everyMs, LATEST_MS),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#working;
  }

  /** Never rejects: what cannot be done now is done by the next round. */
  async round(): Promise<void> {
    for (const work of [() => this.#endOverdue(), () => this.#endWaiting(), () => this.#endOfOthers()]) {
      if (this.#closed) return;
      await work().catch((error: unknown) =>
        this.#parts.log.warn({ code: toCodedError(error).code }, 'times that are over are dealt with later'),
      );
    }
  }

  /** Those that wait, and, where the cage does not keep the time itself, those that run. */
  async #endOverdue(): Promise<void> {
    const { store, runs, organisation } = this.#parts;
    for (const task of await store.tasks.overdue(organisation, new Date())) {
      const deadline = task.deadline!.toISOString();
      if (task.state === 'queued') await runs.endQueued(task, 'timed_out', { phase: 'waiting', deadline });
      else runs.get(task.id)?.stop('timed_out', { phase: task.state, deadline });
    }
  }

  async #endWaiting(): Promise<void> {
    const { store, runs, organisation } = this.#parts;
    const waiting = [];
    for (const { id, timeouts } of await store.claws.list(organisation)) {
      const { waitingMs } = timeouts;
      if (waitingMs === null) continue;
      const rows = await store.tasks.queuedOf(organisation, id, WAITING_AT_ONCE);
      for (const row of rows) waiting.push({ ...row, limitMs: waitingMs });
    }
    for (const { id, epoch, limitMs } of this.#waiting.over(waiting, clocks(), performance.now())) {
      const task = await store.tasks.byId(organisation, id);
      if (task?.state === 'queued' && task.epoch === epoch)
        await runs.endQueued(task, 'timed_out', { phase: 'waiting', limitMs });
    }
  }

  /** A cancel that found nobody listening was written into the row. */
  async #endOfOthers(): Promise<void> {
    const { store, runs } = this.#parts;
    const here = runs.all();
    const ended = await store.tasks.endedAmong(here.map(({ attempt }) => attempt.task));
    const error = new CodedError('task_cancelled').toBody();
    for (const run of here) if (ended.has(run.attempt.task)) await run.end({ state: 'cancelled', error });
  }
}
