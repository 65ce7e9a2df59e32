import { Queue, Worker, type ConnectionOptions, type Job } from 'bullmq';
import type { Log } from '../log.ts';

/** One dispatch: try to launch the attempt that follows `epoch`. Ids only; the row is the truth. */
export interface Dispatch {
  readonly organisation: string;
  readonly task: string;
  readonly epoch: number;
  /** The task's: of what waits in the queue the highest goes first. */
  readonly priority: number;
}

interface Options {
  /** Each owner gets a connection of its own, as BullMQ wants it (`maxRetriesPerRequest: null`). */
  readonly connect: () => ConnectionOptions;
  /** Keeps two installations on one Redis apart. */
  readonly install: string;
  /** For how long a job is a worker's without a word from it; then another gets it. */
  readonly lockMs?: number;
  readonly log: Log;
}

const LOCK_MS = 30_000;

const NAME = 'dispatch';

/** BullMQ's go the other way: 1 is the highest, and none at all would be higher still. */
const HIGHEST_PRIORITY = 100;

/**
 * The only user of BullMQ. A job `<task>-<epoch>` launches an attempt and hands it over, so it is short; it is removed when it is done,
 * whatever came of it, since a finished job's id would silently not run again. At-least-once: the epoch's compare-and-set makes a second
 * delivery harmless.
 */
export class DispatchQueue {
  readonly #options: Options;
  readonly #queue: Queue<Dispatch>;
  #worker: Worker<Dispatch> | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#queue = new Queue(NAME, { connection: options.connect(), prefix: this.#prefix() });
    this.#queue.on('error', (error) =>
      options.log.warn({ part: 'queue', reason: error.message }, 'queue connection'),
    );
  }

  /** Idempotent by task and epoch; a job that waits for a later time, by a clock that may have been set back since, waits no longer where its time has come. */
  async add(dispatch: Dispatch, delayMs = 0): Promise<void> {
    const job = await this.#queue.add('launch', dispatch, {
      jobId: `${dispatch.task}-${dispatch.epoch}`,
      delay: Math.max(0, Math.ceil(delayMs)),
      priority: HIGHEST_PRIORITY + 1 - dispatch.priority,
      removeOnComplete: true,
      removeOnFail: true,
    });
    if (delayMs <= 0 && (await job.isDelayed())) await job.promote().catch(() => undefined);
  }

  /** Whether a job for this attempt exists, in whatever state. */
  async has(dispatch: Pick<Dispatch, 'task' | 'epoch'>): Promise<boolean> {
    return (await this.#queue.getJob(`${dispatch.task}-${dispatch.epoch}`)) !== undefined;
  }

  async depth(): Promise<number> {
    const counts = await this.#queue.getJobCounts('waiting', 'prioritized', 'delayed', 'active');
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  }

  async ping(): Promise<void> {
    await this.#queue.getJobCounts('active');
  }

  /** Begins to take jobs; `launch` must not throw for what it has dealt with. */
  start(launch: (dispatch: Dispatch) => Promise<void>, concurrency: number): void {
    const { connect, log, lockMs = LOCK_MS } = this.#options;
    this.#worker = new Worker<Dispatch>(NAME, (job: Job<Dispatch>) => launch(job.data), {
      connection: connect(),
      prefix: this.#prefix(),
      concurrency,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      maxStalledCount: 1000,
    });
    this.#worker.on('failed', (job, error) =>
      log.error({ task: job?.data.task, reason: error.message }, 'dispatch failed'),
    );
    this.#worker.on('error', (error) =>
      log.warn({ part: 'queue', reason: error.message }, 'worker connection'),
    );
  }

  /** Stops taking jobs; those in hand are finished first. */
  async stop(): Promise<void> {
    await this.#worker?.close();
    this.#worker = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#queue.close();
  }

  #prefix(): string {
    return `clawcage:${this.#options.install}:queue`;
  }
}
