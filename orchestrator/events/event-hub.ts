import type { TaskEvent } from '#protocol/live.ts';
import type { Log } from '../log.ts';
import type { Listener } from './audience.ts';
import { Channel } from './channel.ts';
import type { EventKeys } from './event-keys.ts';
import type { StreamLog, TaskRef } from './stream-log.ts';
import type { By } from './unwritten.ts';

export interface HubOptions {
  /** Both, or events live in this process only. */
  readonly log?: StreamLog;
  readonly keys?: EventKeys;
  /** What the rows say of tasks whose end no event tells. */
  readonly rows?: {
    /** Which of them have ended. */
    ended(tasks: readonly string[]): Promise<ReadonlySet<string>>;
    lastWord(of: TaskRef): Promise<TaskEvent | undefined>;
  };
  /** Of one task, in this process. */
  readonly ringBytes?: number;
  readonly keepEndedMs?: number;
  readonly nowMs?: number;
  readonly say?: Pick<Log, 'warn'>;
}

export interface From {
  /** Behind which id; absent: from the first that is kept. */
  readonly after?: number | undefined;
  /** Of a task whose row says already that it has ended. */
  readonly lastWord?: TaskEvent | undefined;
}

const RING_BYTES = 2 * 1024 * 1024;
const KEEP_ENDED_MS = 60_000;
const SWEEP_MS = 1000;
/** Watched and silent for so long a task's row is looked at. */
const SILENT_MS = 2000;
const OWN: By = { fence: 0 };

/**
 * Live events of tasks, the same at every orchestrator: ids grow by one within a task, a subscriber resumes behind the last id that it saw, anywhere, and is told by `gap` where that
 * is no longer kept. They lie in Redis, sealed; while that is away whoever writes them shows them all the same. Nobody who reads slows who writes.
 */
export class EventHub {
  readonly #channels = new Map<string, Channel>();
  readonly #options: HubOptions;
  readonly #base: number;
  readonly #timer: NodeJS.Timeout;
  readonly #looking = new Set<Channel>();

  constructor(options: HubOptions = {}) {
    this.#options = options;
    // Microseconds: far below 2^53, and no task has an event in each of them.
    this.#base = (options.nowMs ?? Date.now()) * 1000;
    options.log?.listen({
      heard: (task, id) => this.#heard(task, id),
      ready: () => this.#channels.forEach((channel) => channel.wake()),
    });
    this.#timer = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /**
   * Resolves when all orchestrators can show it, or, while Redis is away, when it is kept here to be written later; never later than the limit of one command. Error:
   * `lease_lost`, where a newer writer has the task: nobody is shown it.
   */
  publish(of: TaskRef, event: TaskEvent, by: By = OWN): Promise<void> {
    return this.#channel(of).publish(event, by);
  }

  /**
   * All up to that event was acknowledged to its cage: where it is not among those that are kept, it was lost with whoever took it, and subscribers are told so by `gap`. To be
   * called by a new writer, before it publishes; resolves and rejects as `publish`.
   */
  acknowledged(of: TaskRef, by: Required<By>): Promise<void> {
    return this.#channel(of).publish({ kind: 'missing' }, by);
  }

  /** Tells `listener` what is kept, `caught_up`, and what comes; after `ended` nothing more. Returns the end of the subscription. */
  subscribe(of: TaskRef, { after, lastWord }: From, listener: Listener): () => void {
    return this.#channel(of).subscribe(after, lastWord, listener);
  }

  /** Forgets what can be read again, or ended long enough ago; looks after subscribers whose task says nothing. */
  sweep(): void {
    for (const [task, channel] of this.#channels) {
      channel.retry();
      if (!channel.isIdle(this.#options.keepEndedMs ?? KEEP_ENDED_MS)) continue;
      channel.close();
      this.#channels.delete(task);
    }
    const silent = [...this.#channels.values()].filter(
      (channel) => channel.isWatched && channel.quietMs >= SILENT_MS,
    );
    void this.#look(silent);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
    this.#options.log?.close();
  }

  #heard(task: string, id: number): void {
    const channel = this.#channels.get(task);
    if (!channel) return;
    if (id === 0) void this.#look([channel]);
    else channel.heard(id);
  }

  /** Tells the end of tasks whose rows have one, to those who watch and were told of none. */
  async #look(channels: readonly Channel[]): Promise<void> {
    const { rows } = this.#options;
    const due = channels.filter((channel) => !this.#looking.has(channel));
    if (!rows || due.length === 0) return;
    for (const channel of due) this.#looking.add(channel);
    try {
      const ended = await rows.ended(due.map(({ of }) => of.task));
      const over = due.filter(({ of }) => ended.has(of.task));
      await Promise.all(
        over.map(async (channel) => {
          const word = await rows.lastWord(channel.of);
          if (word) await channel.concludeLater(word);
        }),
      );
    } catch {
      // The store is away: the next round looks again.
    } finally {
      for (const channel of due) this.#looking.delete(channel);
    }
  }

  #channel(of: TaskRef): Channel {
    const known = this.#channels.get(of.task);
    if (known) return known;
    const { log, keys, ringBytes, rows, say } = this.#options;
    const made = new Channel(of, {
      log: keys && log,
      keys,
      limitBytes: ringBytes ?? RING_BYTES,
      base: () => this.#base,
      isOver: async ({ task }) => (await rows?.ended([task]))?.has(task) === true,
      say: say ?? { warn: () => undefined },
    });
    this.#channels.set(of.task, made);
    return made;
  }
}
