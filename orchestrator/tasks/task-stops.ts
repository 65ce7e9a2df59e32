import { CodedError, toCodedError } from '#errors/coded-error.ts';
import { isFinal } from '#task/state.ts';
import type { Launcher } from '../launch/launcher.ts';
import type { Runs } from '../launch/runs.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { TaskRow } from '../store/tasks-store.ts';

interface Parts {
  readonly store: Pick<Store, 'tasks' | 'claws'>;
  readonly runs: Pick<Runs, 'get' | 'endQueued' | 'finish'>;
  readonly launcher: Pick<Launcher, 'end'>;
  /** Another orchestrator has the attempt, or nobody: whoever it is hears of the mark in the row. */
  readonly tellOthers: (task: TaskRow) => void;
  readonly log: Log;
}

type Details = Readonly<Record<string, unknown>>;

/** Beyond the agent's own time, until the row is ended without its cage: a run does so by itself after 600 ms. */
const SURELY_MS = 750;
const AGAIN_MS = 500;
const TRIES = 20;
/** A task moves between states at most so often while one looks. */
const LOOKS = 4;

/**
 * Ends tasks that are to be cancelled, in whatever state they are:
 *
 *   queued ──▶ its row        starting here ──▶ its row, and the start is given up
 *   running here ──▶ its run: SIGTERM, the Claw's `cancelGraceMs`, SIGKILL
 *   with another orchestrator, or being taken over ──▶ a mark in the row, and the others are told
 *
 * Whatever comes of that, its row is ended a moment after the agent's time: by the same compare-and-set with which a result would end it, so that one of the two
 * wins and everybody sees which. The cage of a task that has ended is ended by who has it, or takes it over.
 */
export class TaskStops {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Resolves when its end is under way. A second time changes nothing. */
  async stop(task: TaskRow, reason: 'cancelled', details?: Details): Promise<void> {
    const { store } = this.#parts;
    const { organisation, id } = task;
    if (!(await store.tasks.requestCancel(organisation, id))) return;
    for (let look = 0; look < LOOKS; look++) {
      // The row first: a run may still be there whose task has just gone back to the queue.
      const now = await store.tasks.byId(organisation, id);
      if (!now || isFinal(now.state)) return;
      if (await this.#stopIn(now, reason, details)) break;
    }
    const claw = await store.claws.byId(organisation, task.claw);
    this.#surelyIn((claw?.cancelGraceMs ?? 0) + SURELY_MS, TRIES, task, details);
  }

  /** False where it has to be looked at again: somebody may have begun it at the same moment. */
  async #stopIn(now: TaskRow, reason: 'cancelled', details?: Details): Promise<boolean> {
    const { runs, launcher, tellOthers } = this.#parts;
    if (now.state === 'queued') {
      await runs.endQueued(now, reason, details);
      return false;
    }
    const run = runs.get(now.id);
    if (run) run.stop(reason, details);
    else if (!(await launcher.end(now.id, reason, details).catch(notOurs))) tellOthers(now);
    return true;
  }

  #surelyIn(ms: number, tries: number, task: TaskRow, details: Details | undefined): void {
    const timer = setTimeout(() => {
      this.#endRow(task, details).catch((error: unknown) => {
        this.#parts.log.warn({ task: task.id, code: toCodedError(error).code }, 'not cancelled yet');
        if (tries > 1) this.#surelyIn(AGAIN_MS, tries - 1, task, details);
      });
    }, ms);
    timer.unref();
  }

  async #endRow({ organisation, id }: TaskRow, details: Details | undefined): Promise<void> {
    const { store, runs } = this.#parts;
    const error = new CodedError('task_cancelled', details).toBody();
    for (let look = 0; look < LOOKS; look++) {
      const now = await store.tasks.byId(organisation, id);
      if (!now || isFinal(now.state)) return;
      await runs.finish({ task: now, claw: { id: now.claw } }, { state: 'cancelled', error });
    }
  }
}

function notOurs(error: unknown): false {
  if (toCodedError(error).code === 'lease_lost') return false;
  throw error;
}
