import { toCodedError } from '#errors/coded-error.ts';
import type { Log } from '../log.ts';
import type { Peers } from '../peers/messages.ts';
import type { TasksStore } from '../store/tasks-store.ts';
import type { Launcher } from './launcher.ts';
import type { Runs } from './runs.ts';

interface Parts {
  readonly tasks: Pick<TasksStore, 'toBeCancelled'>;
  readonly runs: Pick<Runs, 'get'>;
  readonly launcher: Pick<Launcher, 'end' | 'isLaunching'>;
  /** Under which this process holds attempts now. */
  readonly self: () => string;
  readonly peers: Pick<Peers, 'onNews'>;
  readonly everyMs?: number;
  readonly log: Pick<Log, 'warn'>;
}

const EVERY_MS = 500;

/**
 * Ends the attempts of this process whose tasks were cancelled at another orchestrator: at once where that could say so, else at the next look at the rows.
 */
export class CancelWatch {
  readonly #parts: Parts;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isAsked = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  start(): void {
    this.#parts.peers.onNews((news) => {
      if (news.kind === 'cancel' && this.#hasHere(news.task)) this.#look();
    });
    this.#timer = setInterval(() => this.#look(), this.#parts.everyMs ?? EVERY_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  #look(): void {
    if (this.#looking) {
      this.#isAsked = true;
      return;
    }
    this.#looking = this.#stopThose().finally(() => {
      this.#looking = undefined;
      if (this.#isAsked) {
        this.#isAsked = false;
        this.#look();
      }
    });
  }

  #hasHere(task: string): boolean {
    return this.#parts.runs.get(task) !== undefined || this.#parts.launcher.isLaunching(task);
  }

  async #stopThose(): Promise<void> {
    const { tasks, runs, launcher, self, log } = this.#parts;
    try {
      for (const id of await tasks.toBeCancelled(self())) {
        const run = runs.get(id);
        if (run) run.stop('cancelled');
        else await launcher.end(id, 'cancelled');
      }
    } catch (error) {
      log.warn({ code: toCodedError(error).code }, 'tasks to be cancelled are looked for again');
    }
  }
}
