import { toCodedError } from '#errors/coded-error.ts';
import type { CageEnded, Runtime } from '#runtime/runtime.ts';
import type { CageKeeper } from '../launch/cage-keeper.ts';
import type { Dispatcher } from '../launch/dispatcher.ts';
import type { KeptCages } from '../launch/kept-cages.ts';
import type { Runs } from '../launch/runs.ts';
import type { WarmSpares } from '../launch/warm-spares.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { Adoption } from './adoption.ts';
import { CageEnds } from './cage-ends.ts';
import type { GateKeep } from './gate-keep.ts';
import { lossOf } from './loss-of.ts';
import type { Reaper } from './reaper.ts';

interface Parts {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly keeper: CageKeeper;
  readonly runs: Runs;
  readonly spares: WarmSpares;
  readonly kept: KeptCages;
  readonly dispatcher: Dispatcher;
  readonly adoption: Adoption;
  readonly reaper: Pick<Reaper, 'round'>;
  readonly gate: Pick<GateKeep, 'round'>;
  readonly organisation: string;
  readonly everyMs: number;
  readonly log: Log;
}

/** So that what asks for a round in every round, since it cannot be mended yet, is no loop without a pause. */
const SOON_MS = 50;

/**
 * Compares what should be (rows) with what is (jobs, cages) and mends the difference, again and again:
 * waiting tasks are dispatched, attempts that nobody listens to taken over, cages past their idle time and spares that are too many ended, the gate brought back; what is left over is the reaper's, times that are over are TimeLimits'.
 */
export class Reconciler {
  readonly #parts: Parts;
  readonly #stop = new AbortController();
  #working: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #again = false;
  #isWorking = false;

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
    this.#timer = undefined;
    await this.#working;
  }

  /** One round; each part goes on where another failed. */
  async round(): Promise<void> {
    const parts: Record<string, () => Promise<void>> = {
      gate: () => this.#parts.gate.round(),
      attempts: () => this.#parts.adoption.round(),
      'ends that failed': () => this.#parts.keeper.endAgain(),
      leftovers: () => this.#parts.reaper.round(),
      'spares above the limit': () => this.#parts.spares.endAbove(this.#parts.organisation),
      tasks: () => this.#wake(),
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
  }

  /** A round now, or right after the one that goes on. */
  soon(): void {
    this.#again = true;
    if (!this.#isWorking && this.#timer !== undefined) this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#again = false;
        this.#isWorking = true;
        this.#working = this.round().finally(() => {
          this.#isWorking = false;
          if (!this.#stop.signal.aborted) this.#schedule();
        });
      },
      this.#again ? Math.min(SOON_MS, this.#parts.everyMs) : this.#parts.everyMs,
    );
  }

  /** A cage that ended, or is no longer there, although nobody wanted it to. */
  async lost(
    cageId: string,
    details: { readonly exitCode?: number | undefined; readonly outOfMemory?: boolean | undefined } = {},
  ): Promise<void> {
    const { store, runtime, runs, keeper, organisation } = this.#parts;
    const error = lossOf(details);
    if (keeper.died(cageId, error)) return;
    const run = runs.ofCage(cageId);
    if (run) return run.lost(error);
    // Nothing runs in it any more, and nobody will ask for it.
    if (!(await store.leftovers.hasCage(cageId))) return runtime.destroy(cageId);
    const row = await store.cages.byId(organisation, cageId);
    const task = row?.task ? await store.tasks.byId(organisation, row.task) : undefined;
    // What its container tells is for whoever takes over the attempt.
    if (task && task.endedAt === null && task.state !== 'queued' && task.epoch === row?.taskEpoch)
      return this.soon();
    await keeper.end(organisation, cageId);
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

  #watchEnds(): Promise<void> {
    const { runtime, log } = this.#parts;
    const lost = async ({ cageId, exitCode, outOfMemory }: CageEnded): Promise<void> =>
      this.lost(cageId, { exitCode, outOfMemory });
    return new CageEnds({ runtime, lost, log }).watch(this.#stop.signal);
  }
}
