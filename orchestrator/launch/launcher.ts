import { setTimeout as pause } from 'node:timers/promises';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import { KEY_INFO, seal } from '#sealing/seal.ts';
import type { Vault } from '#vault/vault.ts';
import { openKey } from '../keys/open-key.ts';
import type { CapabilityIssuer } from '../link/capabilities.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { Log } from '../log.ts';
import type { Dispatch, DispatchQueue } from '../queue/dispatch-queue.ts';
import type { Store } from '../store/store.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { TaskRow } from '../store/tasks-store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { agentEgress } from './agent-egress.ts';
import { capsOf } from './caps-of.ts';
import type { CageKeeper } from './cage-keeper.ts';
import { clawInputOf } from './claw-input.ts';
import { openInput, taskInputOf, sendFiles } from './input.ts';
import type { KeptCages } from './kept-cages.ts';
import type { LiveCage } from './live-cage.ts';
import type { Runs } from './runs.ts';
import { WarmPlaces } from './warm-places.ts';
import type { WarmSpares } from './warm-spares.ts';

export interface LaunchParts {
  readonly store: Store;
  readonly vault: Vault;
  readonly limiter: Limiter;
  readonly queue: DispatchQueue;
  readonly keeper: CageKeeper;
  readonly spares: WarmSpares;
  readonly kept: KeptCages;
  readonly runs: Runs;
  readonly capabilities: CapabilityIssuer;
  readonly telemetry: Telemetry;
  readonly permitWaitMs: number;
  readonly log: Log;
}

/** An attempt that nobody else can start: its epoch is taken. */
interface Claimed {
  readonly task: TaskRow;
  readonly claw: ClawRow;
  /** Gives back the place that is kept for its cage. */
  readonly release: () => void;
}

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
  /** Claims of one Claw go one after the other, so that two cannot take its last place. */
  readonly #claiming = new Map<string, Promise<unknown>>();
  readonly #launching = new Set<string>();
  readonly #warmPlaces: WarmPlaces;
  #freed = 0;

  constructor(parts: LaunchParts) {
    this.#parts = parts;
    this.#warmPlaces = new WarmPlaces(parts.store.cages);
  }

  /** Somewhere a place became free: whoever was just refused one looks again, since its job cannot be put in while it runs. */
  placeFreed(): void {
    this.#freed += 1;
  }

  /** What a job does. Deals with every failure: a job that fails would only be delivered again. */
  async launch(dispatch: Dispatch): Promise<void> {
    this.#launching.add(dispatch.task);
    try {
      const claimed = await this.#claim(dispatch);
      if (claimed) await this.#begin(claimed);
    } finally {
      this.#launching.delete(dispatch.task);
    }
  }

  /** Whether this process is launching the task: it is then nobody's to take over. */
  isLaunching(task: string): boolean {
    return this.#launching.has(task);
  }

  async #begin(claimed: Claimed): Promise<void> {
    try {
      await this.#parts.runs.announce(claimed.task.organisation, claimed.task.id);
      const cage = await this.#obtainCage(claimed);
      await this.#handOver(claimed, cage);
    } catch (error) {
      await this.#failed(claimed, toCodedError(error));
    } finally {
      claimed.release();
    }
  }

  async #claim(dispatch: Dispatch): Promise<Claimed | undefined> {
    const { store, runs } = this.#parts;
    for (;;) {
      const task = await store.tasks.byId(dispatch.organisation, dispatch.task);
      if (!task || task.state !== 'queued' || task.epoch !== dispatch.epoch) return undefined;
      if (!(await this.#mayBegin(task))) return undefined;
      const freed = this.#freed;
      const claimed = await this.#inTurn(task.claw, () => this.#take(task));
      if (typeof claimed !== 'string') return claimed;
      if (task.waiting !== claimed) await runs.setWaiting(task, claimed);
      if (this.#freed === freed) return undefined;
    }
  }

  /** Not one that was to be cancelled, whose deadline is over, or whose time has not come. */
  async #mayBegin(task: TaskRow): Promise<boolean> {
    const { runs } = this.#parts;
    if (task.cancelRequested) await runs.endQueued(task, 'cancelled');
    else if (task.deadline !== null && task.deadline.getTime() <= Date.now())
      await runs.endQueued(task, 'timed_out', { deadline: task.deadline.toISOString() });
    else {
      const earlyMs = (task.notBefore?.getTime() ?? 0) - Date.now();
      if (earlyMs > EARLY_MS) return false;
      // A timer may be a millisecond early: the task would not be next yet.
      if (earlyMs > 0) await pause(earlyMs + 2);
      return true;
    }
    return false;
  }

  /** The task with a place for its cage, why there is none now, or `undefined` where somebody else has it. */
  async #take(task: TaskRow): Promise<Claimed | string | undefined> {
    const { store } = this.#parts;
    const claw = await store.claws.byId(task.organisation, task.claw);
    if (claw?.state !== 'deployed') return 'claw stopped';
    const place = await this.#placeFor(task, claw);
    if (typeof place === 'string') return place;
    const epoch = await store.tasks.takeEpoch(task.organisation, task.id, task.epoch);
    if (epoch !== undefined) return { task: { ...task, epoch, state: 'starting' }, claw, release: place };
    place();
    return undefined;
  }

  /** A place for the task's cage, or why there is none now; the task is dispatched again when that may have changed. */
  async #placeFor(task: TaskRow, claw: ClawRow): Promise<(() => void) | string> {
    const { store, keeper, spares, kept } = this.#parts;
    const free = claw.concurrency - (await store.tasks.countActive(task.organisation, claw.id));
    if (free <= 0 || !(await this.#isNext(task, free))) return 'concurrency';
    const warm = await this.#warmPlaces.promise(task.organisation, claw.id);
    if (warm) return warm;
    if (
      kept.emptying(claw.id) > 0 &&
      (await store.cages.countOf(task.organisation, claw.id)) >= claw.concurrency
    )
      return 'its cage is being emptied';
    const place = keeper.hold() ?? ((await spares.giveUpOne(task.organisation)) ? keeper.hold() : undefined);
    return place ?? 'a place for its cage';
  }

  /** Whether no others of its Claw go first; those that do are dispatched. */
  async #isNext({ organisation, claw, id }: TaskRow, free: number): Promise<boolean> {
    const { store, queue } = this.#parts;
    const next = await store.tasks.oldestQueued(organisation, claw, free);
    if (next.some((task) => task.id === id)) return true;
    for (const task of next)
      await queue.add({ organisation, task: task.id, epoch: task.epoch, priority: task.priority });
    return false;
  }

  async #obtainCage({ task, claw, release }: Claimed): Promise<LiveCage> {
    const { spares, keeper, telemetry, store } = this.#parts;
    const owner = { organisation: task.organisation, claw: claw.id };
    const began = performance.now();
    const warm = await spares.claim(owner, task.id);
    release();
    const cage = warm ?? (await keeper.open(owner, 'task', { claw }));
    await store.cages.assign(task.organisation, cage.cageId, task.id, task.epoch);
    telemetry.cageStarted({ kind: warm ? 'warm' : 'cold', seconds: (performance.now() - began) / 1000 });
    spares.fillLater(owner);
    return cage;
  }

  async #handOver({ task, claw }: Claimed, cage: LiveCage): Promise<void> {
    const { store, limiter, runs, vault, capabilities, permitWaitMs } = this.#parts;
    const key = await store.keys.byId(task.organisation, claw.key);
    if (!key) throw new CodedError('key_revoked');
    const input = await openInput(vault, store.tasks, task);
    const egress = await agentEgress(store.keys, task.organisation, claw.egress);
    await limiter.fence(task.organisation, task.id, task.epoch);
    using secret = await openKey(vault, key);
    const sealedKey = await seal(cage.hello.meterPublicKey, secret, KEY_INFO, `${task.id}:${task.epoch}`);

    const deadlineMs = timeOf(task);
    const run = await runs.begin({ task, claw, cage, deadlineMs });
    if (!run) return;
    const subject = { cage: cage.cageId, organisation: task.organisation, claw: claw.id, lifeMs: deadlineMs };
    sendFiles(cage, [...input.files, ...input.images]);
    run.send({
      type: 'start',
      taskId: task.id,
      epoch: task.epoch,
      deadlineMs,
      input: taskInputOf(input),
      claw: { ...clawInputOf(claw), egress },
      caps: { ...capsOf(claw), permitWaitMs: Math.min(permitWaitMs, deadlineMs) },
      provider: {
        baseUrl: key.baseUrl,
        ...(key.ca && { ca: key.ca }),
        capability: capabilities.meter({ ...subject, baseUrl: key.baseUrl }),
      },
      sealedKey,
      ...(egress.length > 0 && { agentCapability: capabilities.agent({ ...subject, egress }) }),
      ...(claw.ca !== null && { ca: claw.ca }),
    });
  }

  async #failed({ task, claw }: Claimed, error: CodedError): Promise<void> {
    const { runs, log } = this.#parts;
    log.warn(
      { task: task.id, epoch: task.epoch, code: error.code, details: error.details },
      'an attempt could not start',
    );
    runs.drop(task.id, task.epoch);
    await runs.fail({ task, claw }, error, { handedOver: false });
  }

  #inTurn<T>(claw: string, work: () => Promise<T>): Promise<T> {
    const before = this.#claiming.get(claw) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.catch(() => undefined);
    this.#claiming.set(claw, settled);
    void settled.then(() => {
      if (this.#claiming.get(claw) === settled) this.#claiming.delete(claw);
    });
    return mine;
  }
}

/** What an attempt may take: the task's time, or what is left until its deadline. */
export function timeOf({ timeoutMs, deadline }: TaskRow): number {
  const leftMs = deadline === null ? Infinity : deadline.getTime() - Date.now();
  return Math.max(1, Math.min(timeoutMs, leftMs));
}
