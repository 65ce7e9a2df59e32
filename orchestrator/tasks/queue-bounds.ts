import { CodedError } from '#errors/coded-error.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { TasksStore } from '../store/tasks-store.ts';

interface Parts {
  readonly tasks: Pick<TasksStore, 'countWaiting'>;
  /** Waiting tasks of an organisation. */
  readonly maxQueued: number;
  readonly onRefused: (level: Level) => void;
}

type Level = 'claw' | 'organisation';

/** What was counted, and what was accepted here since. */
interface Estimate {
  waiting: number;
  /** By `performance.now()`. */
  countedMs: number;
  tookMs: number;
}

/** That tasks may be put in, as far as one can tell before. */
export interface Admission {
  /** The most that may wait, where the store has to count again. */
  readonly most: number | undefined;
  /** Tasks of the Claw that wait already. */
  readonly ahead: number;
  /** They are in. */
  accepted(): void;
  /** What to throw where they are not: the store's `queue_full` in full. */
  refused(error: unknown): unknown;
}

/** A count is good for that long, and for longer where counting took long: it never takes more than a twentieth of the time. */
const GOOD_MS = 1000;
/** Who is refused by an older one looks again. */
const GOOD_WHEN_FULL_MS = 50;
const SHARE = 20;
/** From this part of a limit on each acceptance counts anew, alone with its Claw; and always where the limit is so small that others could pass it in one second. */
const NEAR = 0.9;
const SMALL = 1000;
const RETRY_AFTER_MS = 5000;
const RETRY_AFTER_STOPPED_MS = 60_000;

/**
 * How many tasks may wait. For a Claw the bound is exact: near it, whoever accepts counts in his own transaction, alone with the Claw's row. For an organisation it is checked against a count
 * that is up to a second old, so that under a burst over several orchestrators some more may get in.
 */
export class QueueBounds {
  readonly #parts: Parts;
  readonly #estimates = new Map<string, Estimate>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Before anything is prepared for `adding` more. Throws `queue_full` with `{level, limit, queued, retryAfterMs}`; else says whether the store has to count again when
   * it inserts them.
   */
  async assertRoom(
    claw: Pick<ClawRow, 'id' | 'organisation' | 'maxQueued' | 'state'>,
    adding: number,
  ): Promise<Admission> {
    const { organisation, id, maxQueued } = claw;
    const all = await this.#assertBelow('organisation', claw, { organisation }, adding);
    const own = await this.#assertBelow('claw', claw, { organisation, claw: id }, adding);
    const isNear = maxQueued <= SMALL || own.waiting + adding > maxQueued * NEAR;
    return {
      most: isNear ? maxQueued : undefined,
      ahead: own.waiting,
      accepted: () => {
        all.waiting += adding;
        own.waiting += adding;
      },
      refused: (error) => {
        if (!(error instanceof CodedError) || error.code !== 'queue_full') return error;
        return this.#full('claw', claw, maxQueued, Number(error.details?.queued));
      },
    };
  }

  async #assertBelow(
    level: Level,
    claw: Pick<ClawRow, 'maxQueued' | 'state'>,
    of: { organisation: string; claw?: string },
    adding: number,
  ): Promise<Estimate> {
    const limit = level === 'claw' ? claw.maxQueued : this.#parts.maxQueued;
    let estimate = await this.#estimate(of, limit, GOOD_MS);
    if (estimate.waiting + adding > limit) estimate = await this.#estimate(of, limit, GOOD_WHEN_FULL_MS);
    if (estimate.waiting + adding > limit) throw this.#full(level, claw, limit, estimate.waiting);
    return estimate;
  }

  async #estimate(
    of: { organisation: string; claw?: string },
    limit: number,
    goodMs: number,
  ): Promise<Estimate> {
    const name = of.claw ?? of.organisation;
    const known = this.#estimates.get(name);
    const now = performance.now();
    if (known && now - known.countedMs < Math.max(goodMs, known.tookMs * SHARE)) return known;
    const estimate = { waiting: known?.waiting ?? 0, countedMs: now, tookMs: known?.tookMs ?? 0 };
    // Set before it is counted, so that a burst counts once.
    if (known) this.#estimates.set(name, estimate);
    estimate.waiting = await this.#parts.tasks.countWaiting(of, limit + 1);
    estimate.tookMs = performance.now() - now;
    this.#estimates.set(name, estimate);
    return estimate;
  }

  #full(level: Level, { state }: Pick<ClawRow, 'state'>, limit: number, queued: number): CodedError {
    this.#parts.onRefused(level);
    const isStopped = level === 'claw' && state === 'stopped';
    return new CodedError('queue_full', {
      level,
      limit,
      queued: Math.min(queued, limit),
      retryAfterMs: isStopped ? RETRY_AFTER_STOPPED_MS : RETRY_AFTER_MS,
      ...(isStopped && { reason: 'the Claw is stopped: what waits for it begins once it is deployed' }),
    });
  }
}
