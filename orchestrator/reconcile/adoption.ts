import { CodedError, toCodedError } from '#errors/coded-error.ts';
import { isFinal } from '#task/state.ts';
import type { Runtime } from '#runtime/runtime.ts';
import type { CageKeeper } from '../launch/cage-keeper.ts';
import type { Runs } from '../launch/runs.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { Log } from '../log.ts';
import type { CageRow } from '../store/cages-store.ts';
import type { Store } from '../store/store.ts';
import type { TaskRow } from '../store/tasks-store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

interface Parts {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly keeper: CageKeeper;
  readonly runs: Runs;
  readonly telemetry: Telemetry;
  readonly limiter: Limiter;
  readonly organisation: string;
  readonly isLaunching: (task: string) => boolean;
  readonly log: Log;
}

/**
 * Takes over what an earlier start left: cages whose agents went on meanwhile, and attempts that never got that far. What cannot be reached now
 * (the engine, the gate, the limiter) is tried again by every round of the reconciler; nothing is ended for it.
 */
export class Adoption {
  readonly #parts: Parts;
  /** Tasks that are still to be taken over. */
  readonly #left = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Once, before jobs are taken. */
  async takeOver(): Promise<void> {
    const { store, runtime, keeper, organisation } = this.#parts;
    const running = new Set(
      (await runtime.list()).filter((cage) => cage.state === 'running').map((cage) => cage.cageId),
    );
    const tasks = await store.tasks.begun(organisation);
    const theirs = new Set(tasks.map((task) => task.id));
    for (const task of tasks) this.#left.add(task.id);
    const rows = (await store.cages.list(organisation)).filter(
      (row) => row.task === null || !theirs.has(row.task),
    );
    await Promise.all(
      rows.map((row) =>
        running.has(row.id) && row.state === 'warm'
          ? this.#takeOverSpare(row)
          : keeper.end(organisation, row.id),
      ),
    );
    await this.retry();
  }

  /** An attempt that nobody listens to, and nobody is launching. */
  add(task: string): void {
    this.#left.add(task);
  }

  /** Those that could not be taken over before. */
  async retry(): Promise<void> {
    await Promise.all([...this.#left].map((task) => this.#takeOverTask(task)));
  }

  async #takeOverSpare(row: CageRow): Promise<void> {
    const { keeper, log, organisation } = this.#parts;
    try {
      if (await this.#isOfPresentClaw(row)) await keeper.adopt(row);
      else await keeper.end(organisation, row.id);
    } catch (error) {
      log.warn({ cage: row.id, code: toCodedError(error).code }, 'a spare could not be taken over');
      await keeper.end(organisation, row.id);
    }
  }

  /** A Claw that was changed since may want another image, or no spare at all. */
  async #isOfPresentClaw(row: CageRow): Promise<boolean> {
    const claw =
      row.claw === null ? undefined : await this.#parts.store.claws.byId(row.organisation, row.claw);
    return claw?.state === 'deployed' && claw.updatedAt <= row.createdAt;
  }

  async #takeOverTask(id: string): Promise<void> {
    const { store, organisation, log } = this.#parts;
    try {
      const task = await store.tasks.byId(organisation, id);
      if (task && this.#isNobodys(task) && !(await this.#resume(task))) await this.#giveUp(task);
      this.#left.delete(id);
    } catch (error) {
      log.warn({ task: id, code: toCodedError(error).code }, 'a task could not be taken over yet');
    }
  }

  /** Since it was found it may have ended, gone back to the queue, or begun anew here. */
  #isNobodys({ id, state }: TaskRow): boolean {
    const { runs, isLaunching } = this.#parts;
    return !isFinal(state) && state !== 'queued' && !runs.get(id) && !isLaunching(id);
  }

  /** False where no cage has this attempt; throws where that cannot be known now. */
  async #resume(task: TaskRow): Promise<boolean> {
    const { store, runtime, keeper, runs, telemetry, limiter, organisation } = this.#parts;
    const row = (await store.cages.ofTask(organisation, task.id)).find(
      (cage) => cage.state === 'assigned' && cage.taskEpoch === task.epoch,
    );
    const claw = await store.claws.byId(organisation, task.claw);
    if (!row || !claw || (await runtime.inspect(row.id))?.state !== 'running') return false;
    await limiter.fence(organisation, task.id, task.epoch);
    const cage = await keeper.adopt(row);
    if (cage.hello.task?.taskId !== task.id || cage.hello.task.epoch !== task.epoch) return false;
    if (task.waiting !== null) await store.tasks.setWaiting(organisation, task.id, null);
    const run = runs.listen({ task, claw, cage, deadlineMs: remainingMs(task) });
    telemetry.cageStarted({ kind: 'adopted', seconds: 0 });
    if (task.state === 'starting')
      await store.tasks.transition(organisation, task.id, task.epoch, 'running', { startedAt: new Date() });
    if (task.cancelRequested) run.stop('cancelled');
    return true;
  }

  /** An attempt that never began is tried again; one that had begun only where that is allowed though nobody saw what it did. */
  async #giveUp(task: TaskRow): Promise<void> {
    const begun = task.state === 'running';
    await this.#parts.runs.fail({ task, claw: { id: task.claw } }, new CodedError('cage_died'), {
      handedOver: begun,
      unwatched: begun,
    });
  }
}

function remainingMs({ startedAt, timeoutMs, deadline }: TaskRow): number {
  const leftMs = (startedAt?.getTime() ?? Date.now()) + timeoutMs - Date.now();
  const untilDeadlineMs = deadline === null ? Infinity : deadline.getTime() - Date.now();
  return Math.max(1000, Math.min(leftMs, untilDeadlineMs));
}
