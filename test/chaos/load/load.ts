import { setTimeout as pause } from 'node:timers/promises';
import { Chance } from '../chance.ts';
import type { Asked } from '../books/facts.ts';
import { Caller } from './caller.ts';
import { askFor } from './client.ts';
import { knownTask } from './kinds.ts';

export interface LoadOptions {
  readonly seed: number;
  readonly urls: readonly string[];
  readonly token: string;
  /** Clients that each ask for one task after the other. */
  readonly clients: number;
  /** No new task after that, once `LEAST` were accepted. */
  readonly lengthMs: number;
  /** How long the last ones may take. */
  readonly restMs: number;
  /** Between two tasks on the capped Claw. */
  readonly cappedEveryMs: number;
}

const WATCHED_SHARE = 0.4;

/** Accepted tasks without which a run shows nothing; a slow machine gets half of the rest for them. */
const LEAST = 15;

/** Of the tasks on the capped Claw that wait at once. */
const MOST_CAPPED = 4;

/** Many clients with known tasks. */
export class Load {
  readonly #options: LoadOptions;
  readonly #asked: Asked[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #beganMs = performance.now();
  #count = 0;
  #accepted = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  get counts(): { accepted: number; ended: number } {
    return { accepted: this.#accepted, ended: this.#asked.filter(({ end }) => end).length };
  }

  /** Resolves when all are over. What a client could not understand at all rejects it. */
  async run(): Promise<Asked[]> {
    const { clients } = this.#options;
    await Promise.all([...Array.from({ length: clients }, (_, at) => this.#client(at)), this.#capped()]);
    await Promise.all(this.#running);
    return this.#asked;
  }

  get #over(): boolean {
    const { lengthMs, restMs } = this.#options;
    const spentMs = performance.now() - this.#beganMs;
    return spentMs > lengthMs && (this.#accepted >= LEAST || spentMs > lengthMs + restMs / 2);
  }

  async #client(at: number): Promise<void> {
    const chance = new Chance(this.#options.seed * 1000 + at);
    while (!this.#over) {
      await this.#one(`t${at}-${this.#count++}`, chance);
      await pause(chance.whole(0, 500));
    }
  }

  /** Not one after the other: they wait for their share of the minute. Not ever more of them either: after each loss of Redis the minute is closed for longer than that. */
  async #capped(): Promise<void> {
    const { seed, cappedEveryMs } = this.#options;
    const chance = new Chance(seed * 1000 + 999);
    while (!this.#over) {
      if (this.#running.size < MOST_CAPPED) {
        const one = this.#one(`c-${this.#count++}`, chance, true).finally(() => this.#running.delete(one));
        this.#running.add(one);
      }
      await pause(cappedEveryMs);
    }
  }

  async #one(name: string, chance: Chance, isCapped = false): Promise<void> {
    const { urls, token, lengthMs, restMs } = this.#options;
    const caller = () => new Caller(urls, token, chance.whole(0, 999));
    const task = knownTask(name, chance, isCapped ? 'capped' : undefined);
    const watcher = chance.next() < WATCHED_SHARE ? caller() : undefined;
    const untilMs = this.#beganMs + lengthMs + restMs;
    const onAccepted = () => void this.#accepted++;
    this.#asked.push(await askFor(caller(), task, { untilMs, watcher, onAccepted }));
  }
}
