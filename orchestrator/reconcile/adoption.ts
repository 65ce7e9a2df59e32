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
  readonly log: Log;
}

/** Takes over what an earlier start left: cages whose agents went on meanwhile, and attempts that never got that far. */
export class Adoption {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Once, before jobs are taken. What cannot be taken over is ended, and its task is started again or failed. */
  async takeOver(): Promise<void> {
    const { store, runtime, keeper, organisation } = this.#parts;
    const running = new Set((await runtime.list()).filter((cage) => cage.state === 'running').map((cage) => cage.cageId));
    const rows = await store.cages.list(organisation);
    await Promise.all(rows.map((row) => (running.has(row.id) ? this.#takeOverCage(row) : keeper.end(organisation, row.id))));
    for (const task of await store.tasks.nonFinal(organisation)) {
      if (task.state !== 'queued' && !this.#parts.runs.get(task.id)) await this.takeOverTask(task);
    }
  }

  /** A task that should have a cage and is not listened to. */
  async takeOverTask(task: TaskRow): Promise<void> {
    const { store, keeper, runs } = this.#parts;
    for (const cage of await store.cages.ofTask(task.organisation, task.id)) await keeper.end(task.organisation, cage.id);
    if (task.state === 'starting') {
      await store.tasks.requeue(task.organisation, task.id, task.epoch);
      return;
    }
    await runs.finish({ task, claw: { id: task.claw } }, { state: 'failed', error: new CodedError('cage_died').toBody() });
  }

  async #takeOverCage(row: CageRow): Promise<void> {
    const { keeper, log, organisation } = this.#parts;
    try {
      if (row.state === 'warm') await keeper.adopt(row);
      else if (row.state === 'assigned' && row.task !== null) await this.#takeOverAttempt(row, row.task);
      else await keeper.end(organisation, row.id);
    } catch (error) {
      log.warn({ cage: row.id, code: toCodedError(error).code }, 'a cage could not be taken over');
      await keeper.end(organisation, row.id);
    }
  }

  async #takeOverAttempt(row: CageRow, taskId: string): Promise<void> {
    const { store, keeper, runs, telemetry, limiter, organisation } = this.#parts;
    const task = await store.tasks.byId(organisation, taskId);
    const claw = task && (await store.claws.byId(organisation, task.claw));
    if (!task || !claw || isFinal(task.state) || task.epoch !== row.taskEpoch) return keeper.end(organisation, row.id);
    await limiter.fence(organisation, task.id, task.epoch);
    const cage = await keeper.adopt(row);
    if (cage.hello.task?.taskId !== task.id || cage.hello.task.epoch !== task.epoch) return keeper.end(organisation, row.id);
    const run = runs.listen({ task, claw, cage, deadlineMs: remainingMs(task) });
    telemetry.cageStarted({ kind: 'adopted', seconds: 0 });
    if (task.state === 'starting') await store.tasks.transition(organisation, task.id, task.epoch, 'running', { startedAt: new Date() });
    if (task.cancelRequested) run.stop('cancelled');
  }
}

function remainingMs(task: TaskRow): number {
  const began = task.startedAt?.getTime() ?? Date.now();
  return Math.max(1000, began + task.timeoutMs - Date.now());
}
