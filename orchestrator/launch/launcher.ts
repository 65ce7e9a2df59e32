import { setTimeout as pause } from 'node:timers/promises';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import { KEY_INFO, seal } from '#sealing/seal.ts';
import { untilDueMs } from '#task/due.ts';
import type { Vault } from '#vault/vault.ts';
import { openKey } from '../keys/open-key.ts';
import type { Lease } from '../lease/lease.ts';
import type { CapabilityIssuer } from '../link/capabilities.ts';
import { fenceOf } from '#task/fence.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { Log } from '../log.ts';
import type { Dispatch, DispatchQueue } from '../queue/dispatch-queue.ts';
import type { Room } from '../room/room.ts';
import { clocks } from '../steady-clock.ts';
import type { Store } from '../store/store.ts';
import type { CageRow } from '../store/cages-store.ts';
import type { Place } from '../store/places-store.ts';
import type { TaskRow } from '../store/tasks-store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { agentEgress } from './agent-egress.ts';
import { smallestCaps } from './caps-of.ts';
import type { CageKeeper, PreparedCage } from './cage-keeper.ts';
import { clawInputOf } from './claw-input.ts';
import { openInput, taskInputOf, sendFiles } from './input.ts';
import type { LiveCage } from './live-cage.ts';
import { readStanding } from './read-standing.ts';
import { resourcesOf } from './resources-of.ts';
import type { Runs } from './runs.ts';
import type { TaskRun } from './task-run.ts';
import { isNoCage } from './wanted-places.ts';
import type { WarmSpares } from './warm-spares.ts';

export interface LaunchParts {
  readonly store: Store;
  readonly vault: Vault;
  readonly limiter: Limiter;
  readonly queue: DispatchQueue;
  readonly keeper: CageKeeper;
  readonly spares: WarmSpares;
  readonly lease: Pick<Lease, 'id' | 'confirm'>;
  readonly room: Room;
  readonly runs: Runs;
  readonly capabilities: CapabilityIssuer;
  readonly telemetry: Telemetry;
  readonly permitWaitMs: number;
  readonly log: Log;
}

/** An attempt that nobody else can start: its epoch is taken, and its cage has a row. */
interface Claimed extends Place {
  /** For the cage where that has yet to be made. */
  readonly prepared: PreparedCage;
  /** Its cage is up, or was given up: the engine may start another. */
  readonly leave: () => void;
}

const NO_PLACE = 'a place for its cage';
/** A job may come that much before the task's time: the queue's clock and ours are not one. */
const EARLY_MS = 1000;

/**
 * A dispatch becomes a running attempt:
 *
 *   claim ──▶ obtain a cage (warm │ cold) ──▶ hand over (seal the key, send files and start) ──▶ Runs listens
 *     │              │                            │
 *     └ a reason     └────────── failed ──────────┴──▶ again with the next epoch, or failed (see Retries)
 */
export class Launcher {
  readonly #parts: LaunchParts;
  /** By task, how many jobs: one whose job was lost is dispatched again while the first still launches it. */
  readonly #launching = new Map<string, number>();
  /** Those whose epoch is taken, until their agent's start is on its way. */
  readonly #begun = new Map<string, { readonly claimed: Claimed; readonly giveUp: AbortController }>();
  #freed = 0;

  constructor(parts: LaunchParts) {
    this.#parts = parts;
  }

  /** Somewhere a place became free: whoever was just refused one looks again, since its job cannot be put in while it runs. */
  placeFreed(): void {
    this.#freed += 1;
  }

  /** What a job does. Deals with every failure: a job that fails would only be delivered again. */
  async launch(dispatch: Dispatch): Promise<void> {
    const { task } = dispatch;
    this.#launching.set(task, (this.#launching.get(task) ?? 0) + 1);
    try {
      const claimed = await this.#claim(dispatch);
      if (claimed) await this.#begin(claimed);
    } finally {
      const others = this.#launching.get(task)! - 1;
      if (others > 0) this.#launching.set(task, others);
      else this.#launching.delete(task);
    }
  }

  /** Whether this process is launching the task: it is then nobody's to take over. */
  isLaunching(task: string): boolean {
    return this.#launching.has(task);
  }

  /**
   * Ends a task whose attempt is being started here, whatever the start waits for: its row first, so that nothing that hangs (a pull, the engine) holds it up.
   * False where this process is not starting it.
   */
  async end(
    task: string,
    state: 'cancelled' | 'timed_out',
    details?: Readonly<Record<string, unknown>>,
  ): Promise<boolean> {
    const begun = this.#begun.get(task);
    if (!begun) return false;
    const { claimed, giveUp } = begun;
    const error = new CodedError(state === 'cancelled' ? 'task_cancelled' : 'task_timed_out', details);
    await this.#parts.runs.finish(claimed, { state, error: error.toBody() });
    giveUp.abort(error);
    return true;
  }

  /** Lets go of every attempt that is being started: whoever takes them over starts them again. */
  abandon(): void {
    for (const { giveUp } of this.#begun.values()) giveUp.abort(new CodedError('lease_lost'));
  }

  async #begin(claimed: Claimed): Promise<void> {
    const { task, claw } = claimed;
    const giveUp = new AbortController();
    this.#begun.set(task.id, { claimed, giveUp });
    const late = setTimeout(() => this.#late(claimed), claw.timeouts.startingMs);
    try {
      await this.#parts.runs.announce(task.organisation, task.id);
      const cage = await this.#obtainCage(claimed, giveUp.signal);
      const run = await this.#handOver(claimed, cage, giveUp.signal);
      // Its time goes on until its agent runs.
      void run?.begun.then(() => clearTimeout(late));
      if (!run) clearTimeout(late);
    } catch (error) {
      clearTimeout(late);
      await this.#failed(claimed, toCodedError(error));
    } finally {
      this.#begun.delete(task.id);
      claimed.prepared[Symbol.dispose]();
      claimed.leave();
    }
  }

  /** The time of starting is over. */
  #late({ task, claw }: Claimed): void {
    const details = { phase: 'starting', limitMs: claw.timeouts.startingMs };
    const run = this.#parts.runs.get(task.id);
    if (run?.attempt.epoch === task.epoch) return run.stop('timed_out', details);
    this.end(task.id, 'timed_out', details).catch((error: unknown) =>
      this.#parts.log.warn({ task: task.id, code: toCodedError(error).code }, 'its start goes on'),
    );
  }

  async #claim(dispatch: Dispatch): Promise<Claimed | undefined> {
    const { store, runs } = this.#parts;
    for (;;) {
      const task = await store.tasks.byId(dispatch.organisation, dispatch.task);
      if (!task || task.state !== 'queued' || task.epoch !== dispatch.epoch) return undefined;
      if (!(await this.#mayBegin(task))) return undefined;
      const freed = this.#freed;
      const claimed = await this.#take(task);
      if (typeof claimed !== 'string') return claimed;
      // Why it went back says more than that its cage is still to go.
      const known = claimed === 'its last container is not gone yet' && task.waiting !== null;
      if (task.waiting !== claimed && !known) await runs.setWaiting(task, claimed);
      if (this.#freed === freed) return undefined;
    }
  }

  /** Not one that was to be cancelled, whose deadline is over, or whose time has not come. */
  async #mayBegin(task: TaskRow): Promise<boolean> {
    const { runs } = this.#parts;
    if (task.cancelRequested) await runs.endQueued(task, 'cancelled');
    else if (task.deadline !== null && task.deadline.getTime() <= Date.now())
      await runs.endQueued(task, 'timed_out', { phase: 'waiting', deadline: task.deadline.toISOString() });
    else {
      const earlyMs = untilDueMs(task, clocks());
      if (earlyMs > EARLY_MS) return false;
      // A timer may be a millisecond early: the task would not be next yet.
      if (earlyMs > 0) await pause(earlyMs + 2);
      return true;
    }
    return false;
  }

  /** The attempt with its cage's row, why it does not begin now, or `undefined` where somebody else has it; a task is dispatched again when that may have changed. */
  async #take(task: TaskRow): Promise<Claimed | string | undefined> {
    const { store, room, keeper } = this.#parts;
    const claw = await store.claws.byId(task.organisation, task.claw);
    if (claw?.state !== 'deployed') return 'claw stopped';
    if ((await store.tasks.countActive(task.organisation, claw.id)) >= claw.concurrency) return 'concurrency';
    const short = await room.shortage();
    if (short !== undefined) return short;
    const leave = await room.enter(resourcesOf(claw.resources).memoryBytes);
    const prepared = await keeper.prepare(task.organisation);
    const placed = await this.#place(task, prepared, typeof leave === 'function').catch((error: unknown) => {
      if (typeof leave === 'function') leave();
      throw error;
    });
    if (placed !== undefined && typeof placed !== 'string')
      return { ...placed, prepared, leave: typeof leave === 'function' ? leave : () => undefined };
    prepared[Symbol.dispose]();
    if (typeof leave === 'function') leave();
    return placed === NO_PLACE && typeof leave === 'string' ? leave : placed;
  }

  /** A warm cage, or a place for one that may be made; a spare of another Claw gives way. */
  async #place(
    task: TaskRow,
    { id, linkSecretRecord }: PreparedCage,
    mayMake: boolean,
  ): Promise<Place | string | undefined> {
    const { store, keeper, spares, queue, lease } = this.#parts;
    const wish = {
      holder: lease.id,
      maxCages: mayMake ? keeper.maxCages : 0,
      prepared: { id, linkSecretRecord },
    };
    let answer = await store.places.takeForTask(task, wish);
    if (isNoCage(answer) && mayMake) {
      keeper.want(task.organisation, answer.reason);
      if (await spares.giveUpOne(task.organisation)) answer = await store.places.takeForTask(task, wish);
    }
    if (!('reason' in answer)) return answer;
    if (answer.reason === 'gone') return undefined;
    if (answer.reason === 'concurrency')
      for (const { organisation, id: first, epoch, priority } of answer.first)
        await queue.add({ organisation, task: first, epoch, priority });
    return answer.reason;
  }

  async #obtainCage(claimed: Claimed, signal: AbortSignal): Promise<LiveCage> {
    const { spares, telemetry } = this.#parts;
    const { task, claw, cage: row, isNew } = claimed;
    const began = performance.now();
    const warm = isNew ? undefined : await this.#warm(row, signal);
    const cage = warm ?? (await this.#cold(claimed, signal));
    claimed.leave();
    telemetry.cageStarted({ kind: warm ? 'warm' : 'cold', seconds: (performance.now() - began) / 1000 });
    spares.fillLater({ organisation: task.organisation, claw: claw.id });
    return cage;
  }

  /** `undefined` where it turns out to be of no use, and is ended. */
  async #warm(row: CageRow, signal: AbortSignal): Promise<LiveCage | undefined> {
    const { keeper, log } = this.#parts;
    try {
      return await keeper.claimed(row, signal);
    } catch (error) {
      if (signal.aborted || toCodedError(error).code === 'lease_lost') throw error;
      log.warn({ cage: row.id, code: toCodedError(error).code }, 'a warm cage is of no use');
      await keeper.end(row.organisation, row.id);
      return undefined;
    }
  }

  #cold({ task, claw, cage, isNew, prepared }: Claimed, signal: AbortSignal): Promise<LiveCage> {
    const { keeper } = this.#parts;
    if (isNew) return keeper.start(cage, prepared, { claw, signal });
    const attempt = { task: task.id, taskEpoch: task.epoch };
    return keeper.open({ organisation: task.organisation, claw: claw.id }, 'task', { claw, signal, attempt });
  }

  async #handOver(
    { task, claw }: Claimed,
    cage: LiveCage,
    signal: AbortSignal,
  ): Promise<TaskRun | undefined> {
    const { store, limiter, runs, vault, capabilities, permitWaitMs, lease } = this.#parts;
    const key = await store.keys.byId(task.organisation, claw.key);
    if (!key) throw new CodedError('key_revoked');
    const { levels } = await readStanding(store, claw);
    const input = await openInput(vault, store.tasks, task);
    const egress = await agentEgress(store.keys, task.organisation, claw.egress);
    await limiter.fence(task.organisation, task.id, fenceOf(task.epoch, cage.epoch));
    signal.throwIfAborted();
    await lease.confirm(task.holder!);
    using secret = await openKey(vault, key);
    const sealedKey = await seal(cage.hello.meterPublicKey, secret, KEY_INFO, `${task.id}:${task.epoch}`);

    const deadlineMs = timeOf(task);
    if (!(await store.cages.assign(task.organisation, cage.cageId, task.holder!)))
      throw new CodedError('cage_died', { cage: cage.cageId });
    const run = await runs.begin({ task, claw, cage, deadlineMs });
    if (!run) return undefined;
    const subject = { cage: cage.cageId, organisation: task.organisation, claw: claw.id, lifeMs: deadlineMs };
    sendFiles(cage, [...input.files, ...input.images]);
    run.send({
      type: 'start',
      taskId: task.id,
      epoch: task.epoch,
      deadlineMs,
      input: taskInputOf(input),
      claw: { ...clawInputOf(claw), egress },
      caps: {
        ...smallestCaps(levels),
        permitWaitMs: Math.min(permitWaitMs, deadlineMs),
        ...(claw.unbounded && { unbounded: claw.unbounded }),
      },
      provider: {
        baseUrl: key.baseUrl,
        ...(key.ca && { ca: key.ca }),
        capability: capabilities.meter({ ...subject, baseUrl: key.baseUrl }),
      },
      sealedKey,
      ...(egress.length > 0 && { agentCapability: capabilities.agent({ ...subject, egress }) }),
      ...(claw.ca !== null && { ca: claw.ca }),
    });
    return run;
  }

  async #failed({ task, claw }: Claimed, error: CodedError): Promise<void> {
    const { runs, log } = this.#parts;
    log.warn(
      { task: task.id, epoch: task.epoch, code: error.code, details: error.details },
      'an attempt could not start',
    );
    runs.drop(task.id, task.epoch);
    // It is taken over by whoever holds it next, which may be this very process under a new name.
    if (error.code === 'lease_lost') return;
    await runs.fail({ task, claw }, error, { handedOver: false });
  }
}

/** What an attempt may take: the task's time, or what is left until its deadline. */
export function timeOf({ timeoutMs, deadline }: TaskRow): number {
  const leftMs = deadline === null ? Infinity : deadline.getTime() - Date.now();
  return Math.max(1, Math.min(timeoutMs, leftMs));
}
