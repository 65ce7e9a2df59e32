import { setTimeout as pause } from 'node:timers/promises';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { Log } from '../log.ts';
import type { OrchestratorRow, OrchestratorsStore } from '../store/orchestrators-store.ts';

interface Parts {
  readonly orchestrators: OrchestratorsStore;
  readonly self: Pick<OrchestratorRow, 'machine' | 'pid' | 'version'>;
  /** Taken before a row bears the name, and kept for as long as this process acts under it: see ProcessLocks. */
  readonly lock?: (id: string) => Disposable;
  /** How long a silence ends it. */
  readonly leaseMs: number;
  /** Whether the process behind a row of this very machine is surely gone: it then need not be waited for. */
  readonly isSurelyGone?: (row: OrchestratorRow) => Promise<boolean>;
  /** Another acts in our place, under our old id: let go of everything. A new lease is taken when this has resolved. */
  readonly onLost: () => Promise<void>;
  /** Others are gone: what they held is free. */
  readonly onGone: (ids: readonly string[]) => void;
  readonly log: Log;
}

interface Seen {
  readonly beat: number;
  readonly sinceMs: number;
}

/** An observer waits longer than a holder dares, so that clocks may run a quarter apart. */
const OBSERVER_FACTOR = 1.5;
const BEATS_PER_LEASE = 3;

/**
 * This orchestrator's right to act for what it holds. It beats by raising a number in its row; another that sees the number unchanged for one and a half leases, by a
 * monotonic clock of its own, declares it gone by compare-and-set. The holder counts its lease from before its last beat, by its own monotonic clock,
 * and so knows first. No clock is compared with another, and none that can be set has a part in it.
 */
export class Lease {
  readonly #parts: Parts;
  readonly #closing = new AbortController();
  readonly #seen = new Map<string, Seen>();
  #id = '';
  #heldUntilMs = -Infinity;
  #lock: Disposable | undefined;
  #beating: Promise<void> = Promise.resolve();

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Registers and begins to beat. */
  static async take(parts: Parts): Promise<Lease> {
    const lease = new Lease(parts);
    await lease.#register();
    lease.#beating = lease.#beat();
    return lease;
  }

  /** The name under which this process holds cages and attempts; another one after a loss. */
  get id(): string {
    return this.#id;
  }

  get isHeld(): boolean {
    return performance.now() < this.#heldUntilMs;
  }

  /** Throws `lease_lost` where another may have taken over; asks nobody. */
  assert(): void {
    if (!this.isHeld) throw new CodedError('lease_lost');
  }

  /**
   * As `assert`, by asking the database: before a key is sealed, or a container made. `holder` is the name under which what is done was begun; under another one it is
   * not this process' any more. Throws `lease_lost`, `store_unavailable`.
   */
  async confirm(holder: string): Promise<void> {
    if (holder !== this.#id || !(await this.#renew(holder)) || holder !== this.#id)
      throw new CodedError('lease_lost');
  }

  /** Declares those gone that were silent for too long; called in every beat, and at a start before anything is taken over. */
  async watchOthers(): Promise<void> {
    const { orchestrators, isSurelyGone, onGone, leaseMs } = this.#parts;
    const gone: string[] = [];
    const rows = await orchestrators.live();
    for (const row of rows) {
      if (row.id === this.#id) continue;
      const seen = this.#seen.get(row.id);
      if (seen?.beat !== row.beat) this.#seen.set(row.id, { beat: row.beat, sinceMs: performance.now() });
      const silent = seen?.beat === row.beat && performance.now() - seen.sinceMs > leaseMs * OBSERVER_FACTOR;
      if ((silent || (await isSurelyGone?.(row))) && (await orchestrators.expire(row.id, row.beat)))
        gone.push(row.id);
    }
    const present = new Set(rows.map(({ id }) => id));
    // One that left in order is not among the living any more.
    const left = [...this.#seen.keys()].filter((id) => !present.has(id));
    for (const id of [...gone, ...left]) this.#seen.delete(id);
    if (gone.length + left.length > 0) onGone([...gone, ...left]);
  }

  /** In order: others may take over at once. */
  async leave(): Promise<void> {
    this.#closing.abort();
    await this.#beating;
    this.#heldUntilMs = -Infinity;
    await this.#parts.orchestrators.leave(this.#id).catch(() => undefined);
    this.#lock?.[Symbol.dispose]();
  }

  async #register(): Promise<void> {
    const { orchestrators, self, leaseMs, lock } = this.#parts;
    const beganMs = performance.now();
    const id = orchestrators.newId();
    const taken = lock?.(id);
    try {
      await orchestrators.register({ ...self, id });
    } catch (error) {
      taken?.[Symbol.dispose]();
      throw error;
    }
    this.#lock?.[Symbol.dispose]();
    this.#lock = taken;
    this.#id = id;
    this.#heldUntilMs = beganMs + leaseMs;
  }

  async #beat(): Promise<void> {
    const { leaseMs, log } = this.#parts;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await pause(leaseMs / BEATS_PER_LEASE, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        if (await this.#renew(this.#id)) await this.watchOthers();
        else await this.#lost();
      } catch (error) {
        // While the database was away nobody could beat: what was silent then is counted anew.
        this.#seen.clear();
        log.warn({ code: toCodedError(error).code }, 'the lease could not be renewed yet');
      }
    }
  }

  async #renew(id: string): Promise<boolean> {
    const beganMs = performance.now();
    if (!(await this.#parts.orchestrators.beat(id))) return false;
    if (id === this.#id) this.#heldUntilMs = Math.max(this.#heldUntilMs, beganMs + this.#parts.leaseMs);
    return true;
  }

  /** Where the database cannot be asked for a new name now, the next beat finds the old one gone again. */
  async #lost(): Promise<void> {
    const { onLost, log } = this.#parts;
    this.#heldUntilMs = -Infinity;
    log.warn({ orchestrator: this.#id }, 'another orchestrator has taken over: letting go of everything');
    await onLost();
    await this.#register();
    log.info({ orchestrator: this.#id }, 'a new lease');
  }
}
