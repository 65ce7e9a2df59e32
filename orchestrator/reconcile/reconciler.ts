import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { Runtime } from '#runtime/runtime.ts';
import type { Vault } from '#vault/vault.ts';
import type { EventHub } from '../events/event-hub.ts';
import type { CageKeeper } from '../launch/cage-keeper.ts';
import type { Dispatcher } from '../launch/dispatcher.ts';
import type { KeptCages } from '../launch/kept-cages.ts';
import type { Runs } from '../launch/runs.ts';
import type { WarmSpares } from '../launch/warm-spares.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { Adoption } from './adoption.ts';

interface Parts {
  readonly store: Store;
  readonly vault: Vault;
  readonly shredding: { list(): Promise<readonly { readonly id: string; readonly madeAtMs: number }[]> };
  readonly runtime: Runtime;
  readonly keeper: CageKeeper;
  readonly runs: Runs;
  readonly spares: WarmSpares;
  readonly kept: KeptCages;
  readonly dispatcher: Dispatcher;
  readonly adoption: Adoption;
  readonly isLaunching: (task: string) => boolean;
  readonly events: EventHub;
  readonly organisation: string;
  readonly everyMs: number;
  readonly log: Log;
}

/** A container without a row may be one whose row is just being written by a start that was cut off: it gets this long. */
const GRACE_MS = 60_000;
/** A shredding key is made before its task's row. */
const SHRED_GRACE_MS = 10 * 60_000;
/** Each waiting task and each result has a key, a file of its own: too many to look at in every round. */
const SHRED_EVERY_MS = 5 * 60_000;
/** Of one statement: a database takes 65,535 values at most, and more tasks than that may wait. */
const KEYS_AT_ONCE = 1000;

/**
 * Compares what should be (rows) with what is (jobs, cages) and mends the difference, again and again:
 * waiting tasks are dispatched, tasks past their deadline and cages past their idle time ended, cages without a row ended, ends that failed repeated, results whose time is over destroyed, the gate brought back.
 */
export class Reconciler {
  readonly #parts: Parts;
  readonly #stop = new AbortController();
  #working: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #keysSweptMs = -Infinity;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#watchEnds();
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#working;
  }

  /** One round; each part goes on where another failed. */
  async round(): Promise<void> {
    const parts: Record<string, () => Promise<void>> = {
      gate: () => this.#keepGate(),
      attempts: () => this.#mendAttempts(),
      cages: () => this.#sweepCages(),
      deadlines: () => this.#endOverdue(),
      tasks: () => this.#wake(),
      results: () => this.#sweepResults(),
      'shredding keys': () => this.#sweepShreddingKeys(),
    };
    for (const [part, work] of Object.entries(parts)) {
      if (this.#stop.signal.aborted) return;
      try {
        await work();
      } catch (error) {
        this.#parts.log.warn(
          { part, code: toCodedError(error).code, details: toCodedError(error).details },
          'reconciling goes on next time',
        );
      }
    }
    this.#parts.events.sweep(Date.now());
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#working = this.round().finally(() => {
        if (!this.#stop.signal.aborted) this.#schedule();
      });
    }, this.#parts.everyMs);
  }

  async #keepGate(): Promise<void> {
    const { runtime, log } = this.#parts;
    if (await runtime.gateAlive()) return;
    log.warn({}, 'the gate is gone: bringing it back');
    await runtime.prepare();
  }

  async #sweepCages(): Promise<void> {
    const { store, runtime, keeper, organisation } = this.#parts;
    const rows = new Map((await store.cages.list(organisation)).map((row) => [row.id, row]));
    const present = new Map((await runtime.list()).map((info) => [info.cageId, info]));
    for (const info of present.values()) {
      if (!rows.has(info.cageId) && Date.now() - info.createdAtMs > GRACE_MS)
        await runtime.destroy(info.cageId);
    }
    for (const row of rows.values()) {
      if (row.state === 'ending') await keeper.end(organisation, row.id);
      else if (row.state !== 'creating' && present.get(row.id)?.state !== 'running') await this.#lost(row.id);
    }
  }

  /** An attempt whose launch was cut off half-way is taken over or given up like one of an earlier start. */
  async #mendAttempts(): Promise<void> {
    const { store, runs, adoption, organisation, isLaunching } = this.#parts;
    for (const { id } of await store.tasks.begun(organisation))
      if (!runs.get(id) && !isLaunching(id)) adoption.add(id);
    await adoption.retry();
  }

  /** A cage that ended, or is no longer there, although nobody wanted it to. */
  async #lost(cageId: string, details?: Record<string, unknown>): Promise<void> {
    const { runs, keeper, organisation } = this.#parts;
    const run = runs.ofCage(cageId);
    if (run) await run.lost(new CodedError('cage_died', details));
    else await keeper.end(organisation, cageId);
  }

  /** Tasks that wait, and, where the cage does not keep the time itself, those that run. */
  async #endOverdue(): Promise<void> {
    const { store, runs, organisation } = this.#parts;
    for (const task of await store.tasks.overdue(organisation, new Date())) {
      const details = { deadline: task.deadline!.toISOString() };
      if (task.state === 'queued') await runs.endQueued(task, 'timed_out', details);
      else runs.get(task.id)?.stop('timed_out', details);
    }
  }

  async #wake(): Promise<void> {
    const { store, dispatcher, kept, spares, organisation } = this.#parts;
    for (const claw of await store.claws.list(organisation)) {
      if (claw.state !== 'deployed') continue;
      await dispatcher.poke(organisation, claw.id);
      await kept.endIdle(claw);
      spares.fillLater({ organisation, claw: claw.id });
    }
  }

  async #sweepResults(): Promise<void> {
    const { store, vault } = this.#parts;
    for (const { organisation, id } of await store.tasks.dueResults(new Date())) {
      await vault.shred(id);
      await store.taskFiles.delete(organisation, id);
      await store.tasks.clearResult(organisation, id);
    }
  }

  /** Keys of tasks that hold nothing any more: a crash came between the two steps of sealing, or of ending. */
  async #sweepShreddingKeys(): Promise<void> {
    const { store, vault, shredding } = this.#parts;
    if (performance.now() - this.#keysSweptMs < SHRED_EVERY_MS) return;
    const old = (await shredding.list())
      .filter((key) => Date.now() - key.madeAtMs > SHRED_GRACE_MS)
      .map((key) => key.id);
    for (let at = 0; at < old.length; at += KEYS_AT_ONCE) {
      const some = old.slice(at, at + KEYS_AT_ONCE);
      const needed = await store.tasks.holdingContent(some);
      const over = some.filter((id) => !needed.has(id));
      await store.taskFiles.deleteOf(over);
      for (const id of over) await vault.shred(id);
    }
    this.#keysSweptMs = performance.now();
  }

  async #watchEnds(): Promise<void> {
    const { runtime, log } = this.#parts;
    try {
      for await (const ended of runtime.events(this.#stop.signal)) {
        const details = { exitCode: ended.exitCode, outOfMemory: ended.outOfMemory };
        await this.#lost(ended.cageId, details).catch((error: unknown) => {
          log.warn(
            { cage: ended.cageId, code: toCodedError(error).code },
            'the end of a cage is dealt with later',
          );
        });
      }
    } catch (error) {
      if (!this.#stop.signal.aborted)
        log.warn({ code: toCodedError(error).code }, 'the engine tells no more ends; rounds still find them');
    }
  }
}
