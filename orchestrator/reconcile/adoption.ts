import { CodedError, toCodedError } from '#errors/coded-error.ts';
import { isFinal } from '#task/state.ts';
import type { Runtime } from '#runtime/runtime.ts';
import type { EventHub } from '../events/event-hub.ts';
import { ofCage } from '../events/unwritten.ts';
import type { CageKeeper } from '../launch/cage-keeper.ts';
import type { Runs } from '../launch/runs.ts';
import { fenceOf } from '#task/fence.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { Log } from '../log.ts';
import type { CageRow } from '../store/cages-store.ts';
import type { Store } from '../store/store.ts';
import type { TaskRow } from '../store/tasks-store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { lossOf } from './loss-of.ts';

interface Parts {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly keeper: CageKeeper;
  readonly runs: Runs;
  readonly telemetry: Telemetry;
  readonly limiter: Limiter;
  readonly events: Pick<EventHub, 'acknowledged'>;
  readonly organisation: string;
  readonly isLaunching: (task: string) => boolean;
  /** Why a cage that was silent for so long is stuck, where it is. */
  readonly diagnose: (cageId: string, silentMs: number) => Promise<CodedError | undefined>;
  readonly log: Log;
}

/**
 * Takes over what nobody holds: attempts and warm cages of an orchestrator that is gone (of an earlier start, too), and those of our own that nobody listens to. What another
 * holds is never touched; of several that try one gets it. What cannot be reached now (the engine, the gate) is tried again by every round of the reconciler; nothing is ended for it.
 */
export class Adoption {
  readonly #parts: Parts;
  /** By task or cage: one that cannot be reached must not hold up the others, nor be tried twice at once. */
  readonly #inHand = new Map<string, Promise<void>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** As `round`, and waits for all. */
  async takeOver(): Promise<void> {
    await this.round();
    await Promise.all(this.#inHand.values());
  }

  /** Begins to take over what is there to be taken; it goes on after this has resolved. */
  async round(): Promise<void> {
    const { store, runs, keeper, organisation, isLaunching } = this.#parts;
    const me = keeper.holder;
    for (const task of await store.tasks.begunFor(organisation, me))
      if (!runs.get(task.id) && !isLaunching(task.id)) this.#begin(task.id, () => this.#takeOverTask(task));
    const cages = await store.cages.listFor(organisation, me);
    await keeper.keepOnly(new Set(cages.filter(({ holder }) => holder === me).map(({ id }) => id)));
    for (const row of cages) {
      if (keeper.has(row.id) || row.state === 'ending') continue;
      if (row.state === 'warm') this.#begin(row.id, () => this.#takeOverSpare(row));
      else if (row.holder !== me) this.#begin(row.id, () => this.#endUnlessOfAttempt(row));
    }
  }

  #begin(name: string, work: () => Promise<void>): void {
    if (this.#inHand.has(name)) return;
    const working = work()
      .catch((error: unknown) => {
        const { code } = toCodedError(error);
        this.#parts.log.warn({ of: name, code }, 'something could not be taken over yet');
      })
      .finally(() => this.#inHand.delete(name));
    this.#inHand.set(name, working);
  }

  async #takeOverSpare(row: CageRow): Promise<void> {
    const { keeper, runtime, log, organisation } = this.#parts;
    const isOfUse =
      (await this.#isOfPresentClaw(row)) && (await runtime.inspect(row.id))?.state === 'running';
    try {
      if (isOfUse) await keeper.adopt(row);
      else await keeper.retire(organisation, row.id);
    } catch (error) {
      if (toCodedError(error).code === 'lease_lost') return;
      log.warn({ cage: row.id, code: toCodedError(error).code }, 'a spare could not be taken over');
      await keeper.retire(organisation, row.id);
    }
  }

  /** A Claw that was changed since may want another image, or no spare at all. */
  async #isOfPresentClaw(row: CageRow): Promise<boolean> {
    const claw =
      row.claw === null ? undefined : await this.#parts.store.claws.byId(row.organisation, row.claw);
    return claw?.state === 'deployed' && claw.updatedAt <= row.createdAt;
  }

  /** The cages of an attempt under way are taken over with it, by whoever gets it. */
  async #endUnlessOfAttempt(row: CageRow): Promise<void> {
    const { store, keeper, organisation } = this.#parts;
    const task = row.task === null ? undefined : await store.tasks.byId(organisation, row.task);
    if (!task || !isUnderWay(task) || task.epoch !== row.taskEpoch) await keeper.end(organisation, row.id);
  }

  async #takeOverTask(seen: TaskRow): Promise<void> {
    const { store, keeper, runs, log } = this.#parts;
    const adopted = await store.tasks.adopt(seen, keeper.holder);
    // Another was faster, or it ended just now.
    if (!adopted || runs.get(seen.id)) return;
    const { task, cages } = adopted;
    const failed = await this.#resume(task, cages);
    if (failed === undefined) return;
    log.info(
      { task: task.id, epoch: task.epoch, code: failed.code },
      'an attempt did not outlive its orchestrator',
    );
    await this.#giveUp(task, failed);
  }

  /** Why no cage goes on with this attempt, or undefined; throws where that cannot be known now. */
  async #resume(task: TaskRow, cages: readonly CageRow[]): Promise<CodedError | undefined> {
    const { store, runtime, keeper, runs, telemetry, limiter, organisation } = this.#parts;
    const row = cages.find((cage) => cage.state === 'assigned' && cage.taskEpoch === task.epoch);
    const claw = await store.claws.byId(organisation, task.claw);
    if (!row || !claw) return new CodedError('cage_died');
    const container = await runtime.inspect(row.id);
    if (container?.state !== 'running') return lossOf(container ?? {});
    const fence = fenceOf(task.epoch, row.epoch);
    await limiter.takeOver(organisation, task.id, fence);
    const beganMs = performance.now();
    const cage = await keeper.connect(row).catch(async (error: unknown) => {
      const coded = toCodedError(error);
      if (coded.verdict === 'final' && coded.code !== 'link_superseded') return coded;
      const stuck = await this.#parts.diagnose(row.id, performance.now() - beganMs);
      if (stuck) return stuck;
      throw coded;
    });
    if (cage instanceof CodedError) return cage;
    if (keeper.holder !== task.holder) throw new CodedError('lease_lost');
    if (cage.hello.task?.taskId !== task.id || cage.hello.task.epoch !== task.epoch)
      return new CodedError('cage_died');
    if (task.waiting !== null) await store.tasks.setWaiting(task, null);
    const { ackedEvent, acted } = cage.hello.task;
    // The holder of before may have heard it, and could not write it.
    if (acted && !task.acted) await store.tasks.markActed(task);
    if (ackedEvent !== undefined) this.#lookForEvents(task, fence, ackedEvent);
    const run = runs.listen({ task, claw, cage, deadlineMs: remainingMs(task) });
    telemetry.cageStarted({ kind: 'adopted', seconds: 0 });
    if (task.state === 'starting') await store.tasks.transition(task, 'running', { startedAt: new Date() });
    const now = await store.tasks.byId(organisation, task.id);
    if (now?.cancelRequested) run.stop('cancelled');
    return undefined;
  }

  /** What the holder of before took and wrote nowhere is gone with it. */
  #lookForEvents({ organisation, id, epoch }: TaskRow, fence: number, acked: number): void {
    const by = { fence, once: ofCage(epoch, acked) };
    // A newer holder looks for itself.
    this.#parts.events.acknowledged({ organisation, task: id }, by).catch(() => undefined);
  }

  /** An attempt that never began begins anew; one that had begun is tried again only where that is allowed though nobody saw what it did. */
  async #giveUp(task: TaskRow, error: CodedError): Promise<void> {
    // Told by the task's own row: that of its cage may be gone, or ending, whether or not it began.
    const neverBegan = task.state === 'starting' && !task.handedOver;
    await this.#parts.runs.fail({ task, claw: { id: task.claw } }, error, {
      handedOver: !neverBegan,
      unwatched: !neverBegan,
      neverBegan,
    });
  }
}

const isUnderWay = ({ state }: TaskRow): boolean => !isFinal(state) && state !== 'queued';

/** The cage itself counts the time that its task may take, and did so all along; this is for one that does not. The clock may have been set since the task began. */
function remainingMs({ timeoutMs, deadline }: TaskRow): number {
  const untilDeadlineMs = deadline === null ? Infinity : deadline.getTime() - Date.now();
  return Math.max(1000, Math.min(timeoutMs, untilDeadlineMs));
}
