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
import { capsOf } from './caps-of.ts';
import type { CageKeeper } from './cage-keeper.ts';
import { clawInputOf } from './claw-input.ts';
import { openInput, taskInputOf, sendFiles } from './input.ts';
import type { LiveCage } from './live-cage.ts';
import type { Runs } from './runs.ts';
import type { WarmSpares } from './warm-spares.ts';

export interface LaunchParts {
  readonly store: Store;
  readonly vault: Vault;
  readonly limiter: Limiter;
  readonly queue: DispatchQueue;
  readonly keeper: CageKeeper;
  readonly spares: WarmSpares;
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

/** Failures before the hand-over that are worth another attempt get two more, each a little later. */
const ATTEMPTS = 3;
const RETRY_MS = [500, 3000];

/**
 * A dispatch becomes a running attempt:
 *
 *   claim ──▶ obtain a cage (warm │ cold) ──▶ hand over (seal the key, send files and start) ──▶ Runs listens
 *     │              │                            │
 *     └ a reason     └────────── failed ──────────┴──▶ again with the next epoch, or failed
 */
export class Launcher {
  readonly #parts: LaunchParts;
  /** Claims of one Claw go one after the other, so that two cannot take its last place. */
  readonly #claiming = new Map<string, Promise<unknown>>();
  readonly #launching = new Set<string>();

  constructor(parts: LaunchParts) {
    this.#parts = parts;
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
    const { store } = this.#parts;
    const task = await store.tasks.byId(dispatch.organisation, dispatch.task);
    if (!task || task.state !== 'queued' || task.epoch !== dispatch.epoch) return undefined;
    return this.#inTurn(task.claw, async () => {
      const claw = await store.claws.byId(task.organisation, task.claw);
      const place = claw ? await this.#placeFor(task, claw) : 'claw stopped';
      if (!claw || typeof place === 'string') {
        if (task.waiting !== place) await this.#parts.runs.setWaiting(task, String(place));
        return undefined;
      }
      const epoch = await store.tasks.takeEpoch(task.organisation, task.id, dispatch.epoch);
      if (epoch === undefined) {
        place();
        return undefined;
      }
      return { task: { ...task, epoch, state: 'starting' }, claw, release: place };
    });
  }

  /** A place for the task's cage, or why there is none now; the task is dispatched again when that may have changed. */
  async #placeFor(task: TaskRow, claw: ClawRow): Promise<(() => void) | string> {
    const { store, keeper, spares } = this.#parts;
    if (claw.state !== 'deployed') return 'claw stopped';
    if ((await store.tasks.countActive(task.organisation, claw.id)) >= claw.concurrency) return 'concurrency';
    const own = await store.cages.warmOf(task.organisation, claw.id);
    if (own.length > 0) return () => undefined;
    const place = keeper.hold() ?? ((await spares.giveUpOne(task.organisation)) ? keeper.hold() : undefined);
    return place ?? 'a place for its cage';
  }

  async #obtainCage({ task, claw, release }: Claimed): Promise<LiveCage> {
    const { spares, keeper, telemetry, store } = this.#parts;
    const owner = { organisation: task.organisation, claw: claw.id };
    const began = performance.now();
    const warm = await spares.claim(owner, task.id);
    release();
    const cage = warm ?? (await keeper.open(owner, 'task'));
    await store.cages.assign(task.organisation, cage.cageId, task.id, task.epoch);
    telemetry.cageStarted({ kind: warm ? 'warm' : 'cold', seconds: (performance.now() - began) / 1000 });
    spares.fillLater(owner);
    return cage;
  }

  async #handOver({ task, claw }: Claimed, cage: LiveCage): Promise<void> {
    const { store, limiter, runs, vault, permitWaitMs } = this.#parts;
    const key = await store.keys.byId(task.organisation, claw.key);
    if (!key) throw new CodedError('key_revoked');
    const input = await openInput(vault, store.tasks, task);
    await limiter.fence(task.organisation, task.id, task.epoch);
    using secret = await openKey(vault, key);
    const sealedKey = await seal(cage.hello.meterPublicKey, secret, KEY_INFO, `${task.id}:${task.epoch}`);

    const run = await runs.begin({ task, claw, cage });
    if (!run) return;
    sendFiles(cage, [...input.files, ...input.images]);
    run.send({
      type: 'start',
      taskId: task.id,
      epoch: task.epoch,
      deadlineMs: task.timeoutMs,
      input: taskInputOf(input),
      claw: clawInputOf(claw),
      caps: { ...capsOf(claw), permitWaitMs: Math.min(permitWaitMs, task.timeoutMs) },
      provider: {
        baseUrl: key.baseUrl,
        ...(key.ca && { ca: key.ca }),
        capability: this.#parts.capabilities.meter({
          cage: cage.cageId,
          organisation: task.organisation,
          claw: claw.id,
          baseUrl: key.baseUrl,
          lifeMs: task.timeoutMs,
        }),
      },
      sealedKey,
    });
  }

  async #failed({ task, claw }: Claimed, error: CodedError): Promise<void> {
    const { store, queue, runs, keeper, log } = this.#parts;
    log.warn(
      { task: task.id, epoch: task.epoch, code: error.code, details: error.details },
      'an attempt could not start',
    );
    runs.drop(task.id, task.epoch);
    const cages = await store.cages.ofTask(task.organisation, task.id);
    for (const cage of cages) await keeper.end(task.organisation, cage.id);
    if (error.verdict === 'final' || error.code === 'internal' || task.epoch >= ATTEMPTS) {
      return runs.finish({ task, claw }, { state: 'failed', error: error.toBody() });
    }
    if (!(await store.tasks.requeue(task.organisation, task.id, task.epoch))) return;
    await runs.setWaiting(task, error.code);
    await queue.add(
      { organisation: task.organisation, task: task.id, epoch: task.epoch },
      RETRY_MS[task.epoch - 1] ?? RETRY_MS.at(-1),
    );
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
