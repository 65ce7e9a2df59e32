import { sql, type Kysely } from 'kysely';
import type { ErrorBody } from '#errors/coded-error.ts';
import type { Clocks } from '#task/due.ts';
import { statesBefore, type FinalState, type TaskState } from '#task/state.ts';
import { clocks } from '../steady-clock.ts';
import { newId } from './ids.ts';
import { createTask, earlierTask, type NewTask } from './new-task.ts';
import { countWaiting } from './queue-depth.ts';
import type { Database } from './schema.ts';
import { listTasks, type TaskPage, type TaskQuery } from './task-list.ts';
import { CAGE_COLUMNS, type CageRow } from './cage-row.ts';
import { isFree } from './free-holder.ts';
import { TASK_COLUMNS, type SeenTask, type TaskRow } from './task-row.ts';

export type { SeenTask, TaskRow } from './task-row.ts';

const DUE_AT_ONCE = 500;

/**
 * Tasks. Whatever moves one is a compare-and-set on its state, epoch and holder: it happens as a whole or not at all, and who comes late
 * gets `undefined`.
 */
export class TasksStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  newId(): string {
    return newId('task');
  }

  /** `created` is false where the Idempotency-Key found an earlier task: see createTask for the errors. */
  async create(task: NewTask, most?: number): Promise<{ task: TaskRow; created: boolean }> {
    return createTask(this.#db, task, new Date(), most);
  }

  /** See the function. */
  async countWaiting(of: { organisation: string; claw?: string }, most: number): Promise<number> {
    return countWaiting(this.#db, of, most);
  }

  /** See earlierTask. */
  async ofKey(
    task: Pick<NewTask, 'claw' | 'idempotencyKey' | 'idempotencyHash'>,
  ): Promise<TaskRow | undefined> {
    return earlierTask(this.#db, task, new Date());
  }

  async byId(organisation: string, id: string): Promise<TaskRow | undefined> {
    return this.#one(organisation, id).select(TASK_COLUMNS).executeTakeFirst();
  }

  async list(organisation: string, query: TaskQuery): Promise<TaskPage> {
    return listTasks(this.#db, organisation, query);
  }

  /** Null once the task has ended. */
  async sealedInput(organisation: string, id: string): Promise<Buffer | null> {
    const row = await this.#one(organisation, id).select('sealedInput').executeTakeFirst();
    return row?.sealedInput ?? null;
  }

  /** Null where there is none, or its time was over. */
  async sealedResult(organisation: string, id: string): Promise<Buffer | null> {
    const row = await this.#one(organisation, id).select('sealedResult').executeTakeFirst();
    return row?.sealedResult ?? null;
  }

  /** Begins an attempt: queued, at its epoch, becomes starting with the next one, which is returned, held by `holder`. Of several callers one gets it. */
  async takeEpoch(
    { organisation, id, epoch }: Pick<TaskRow, 'organisation' | 'id' | 'epoch'>,
    holder: string,
  ): Promise<TaskRow | undefined> {
    return this.#move({ organisation, id, epoch, holder: null }, 'starting')
      .set({ epoch: epoch + 1, holder, handedOver: false })
      .returning(TASK_COLUMNS)
      .executeTakeFirst();
  }

  /**
   * Takes over an attempt that nobody holds any more (or `holder` itself), and the link of every cage of its task with it: a newer epoch of each, so that an earlier
   * holder is obeyed no longer. `undefined` where another was faster, or has it still.
   */
  async adopt(
    { organisation, id, epoch, holder: before }: SeenTask,
    holder: string,
  ): Promise<{ task: TaskRow; cages: CageRow[] } | undefined> {
    return this.#db.transaction().execute(async (trx) => {
      const task = await trx
        .updateTable('tasks')
        .set({ holder })
        .where('organisationId', '=', organisation)
        .where('id', '=', id)
        .where('endedAt', 'is', null)
        .where('state', '!=', 'queued')
        .where('epoch', '=', epoch)
        .where('holder', 'is not distinct from', before)
        .where((row) => row.or([row('holder', '=', holder), isFree('tasks.holder')]))
        .returning(TASK_COLUMNS)
        .executeTakeFirst();
      if (!task) return undefined;
      const cages = await trx
        .updateTable('cages')
        .set((cage) => ({ holder, epoch: cage('epoch', '+', 1) }))
        .where('organisationId', '=', organisation)
        .where('taskId', '=', id)
        .returning(CAGE_COLUMNS)
        .execute();
      return { task, cages };
    });
  }

  /** To a state that is not final. */
  async transition(
    task: SeenTask,
    to: Exclude<TaskState, FinalState>,
    patch: { readonly startedAt?: Date } = {},
  ): Promise<TaskRow | undefined> {
    return this.#move(task, to).set(patch).returning(TASK_COLUMNS).executeTakeFirst();
  }

  /** Back to the queue, held by nobody; the next attempt begins from the same epoch, `retryWaitMs` from now: that is at `notBefore` by the clock of `Due`. A `spared` one does not count. */
  async requeue(
    task: SeenTask,
    {
      notBefore = null,
      retryWaitMs = null,
      waiting = null,
      spared = false,
    }: {
      notBefore?: Date | null;
      retryWaitMs?: number | null;
      waiting?: string | null;
      spared?: boolean;
    } = {},
  ): Promise<TaskRow | undefined> {
    return this.#move(task, 'queued', waiting)
      .set({ startedAt: null, notBefore, retryWaitMs, holder: null })
      .$if(spared, (task) => task.set((row) => ({ spared: row('spared', '+', 1) })))
      .returning(TASK_COLUMNS)
      .executeTakeFirst();
  }

  /**
   * To a final state, once: the first caller gets the row, every later one `undefined`. The sealed input is cleared with it; the caller destroys the shredding
   * key where no result is kept.
   */
  async finish(
    task: SeenTask,
    to: FinalState,
    outcome: {
      readonly error?: ErrorBody;
      readonly sealedResult?: Buffer;
      readonly resultExpiresAt?: Date;
    } = {},
  ): Promise<TaskRow | undefined> {
    const { error, sealedResult = null, resultExpiresAt = null } = outcome;
    return this.#move(task, to)
      .set({
        sealedInput: null,
        sealedResult,
        resultExpiresAt,
        endedAt: new Date(),
        error: error === undefined ? null : sql<ErrorBody>`${JSON.stringify(error)}::text::jsonb`,
      })
      .returning(TASK_COLUMNS)
      .executeTakeFirst();
  }

  /** A reason beside the state of a task that has not ended; null takes it away. */
  async setWaiting(task: SeenTask, reason: string | null): Promise<void> {
    await this.#asSeen(task).set({ waiting: reason }).execute();
  }

  /** A mark for whoever has the task, or takes it next. False where it has ended. */
  async requestCancel(organisation: string, id: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#open(organisation, id)
      .set({ cancelRequested: true })
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** Those with an attempt under way, oldest first; without the many that may wait. */
  async begun(organisation: string): Promise<TaskRow[]> {
    return this.#allOpen(organisation).where('state', '!=', 'queued').execute();
  }

  /** Of those with an attempt under way the ones that `holder` has, or nobody any more. */
  async begunFor(organisation: string, holder: string): Promise<TaskRow[]> {
    return this.#allOpen(organisation)
      .where('state', '!=', 'queued')
      .where((task) => task.or([task('holder', '=', holder), isFree('tasks.holder')]))
      .execute();
  }

  /** Those of the Claw that have not ended, oldest first. */
  async nonFinalOf(organisation: string, claw: string): Promise<TaskRow[]> {
    return this.#allOpen(organisation).where('clawId', '=', claw).execute();
  }

  /** The Claw's tasks that wait for a place and whose time has come: of the highest priority first, of equal ones the oldest. */
  async oldestQueued(
    organisation: string,
    claw: string,
    limit = 1,
    now: Clocks = clocks(),
  ): Promise<TaskRow[]> {
    return this.#db
      .selectFrom('tasks')
      .select(TASK_COLUMNS)
      .where('organisationId', '=', organisation)
      .where('clawId', '=', claw)
      .where('state', '=', 'queued')
      .where(isDue(now))
      .orderBy('priority', 'desc')
      .orderBy('id')
      .limit(limit)
      .execute();
  }

  /** The Claw's tasks that wait, oldest first, `limit` at most: of each what says for how long. */
  async queuedOf(
    organisation: string,
    claw: string,
    limit: number,
  ): Promise<Pick<TaskRow, 'id' | 'epoch' | 'createdAt' | 'notBefore' | 'retryWaitMs'>[]> {
    return this.#db
      .selectFrom('tasks')
      .select(['id', 'epoch', 'createdAt', 'notBefore', 'retryWaitMs'])
      .where('organisationId', '=', organisation)
      .where('clawId', '=', claw)
      .where('state', '=', 'queued')
      .where('endedAt', 'is', null)
      .orderBy('id')
      .limit(limit)
      .execute();
  }

  /** Those with an attempt that `holder` has, and a mark to be cancelled. */
  async toBeCancelled(holder: string): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('tasks')
      .select('id')
      .where('holder', '=', holder)
      .where('endedAt', 'is', null)
      .where('cancelRequested', '=', true)
      .execute();
    return rows.map(({ id }) => id);
  }

  /** Which of these tasks, of whatever organisation, have ended. */
  async endedAmong(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const rows = await this.#db
      .selectFrom('tasks')
      .select('id')
      .where('id', 'in', ids)
      .where('endedAt', 'is not', null)
      .execute();
    return new Set(rows.map(({ id }) => id));
  }

  /** Tasks that have not ended although their deadline is over. */
  async overdue(organisation: string, now: Date): Promise<TaskRow[]> {
    return this.#allOpen(organisation).where('deadline', '<=', now).limit(DUE_AT_ONCE).execute();
  }

  /** The attempt may have changed something outside: it is tried again only where that is allowed. */
  async markActed(task: SeenTask): Promise<void> {
    await this.#asSeen(task).where('acted', '=', false).set({ acted: true }).execute();
  }

  /** Attempts under way: starting or running. */
  async countActive(organisation: string, claw: string): Promise<number> {
    const { count } = await this.#db
      .selectFrom('tasks')
      .select((task) => task.fn.countAll<number>().as('count'))
      .where('organisationId', '=', organisation)
      .where('clawId', '=', claw)
      .where('state', 'in', ['starting', 'running'])
      .where('endedAt', 'is', null)
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** Tasks that have not ended, by state; of one Claw, or of the organisation. */
  async byState(organisation: string, claw?: string): Promise<Partial<Record<TaskState, number>>> {
    const rows = await this.#db
      .selectFrom('tasks')
      .select((column) => ['state', column.fn.countAll<number>().as('count')])
      .where('organisationId', '=', organisation)
      .where('endedAt', 'is', null)
      .$if(claw !== undefined, (tasks) => tasks.where('clawId', '=', claw!))
      .groupBy('state')
      .execute();
    return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
  }

  /** A result that was fetched waits until `expiresAt` and no longer; its time is never made longer by that. */
  async markFetched(organisation: string, id: string, expiresAt: Date): Promise<void> {
    await this.#db
      .updateTable('tasks')
      .set({ resultExpiresAt: expiresAt })
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .where('resultExpiresAt', '>', expiresAt)
      .execute();
  }

  /** Results of all organisations whose time is over, some hundreds at most at once. */
  async dueResults(now: Date): Promise<Pick<TaskRow, 'organisation' | 'id'>[]> {
    return this.#db
      .selectFrom('tasks')
      .select(['organisationId as organisation', 'id'])
      .where('resultExpiresAt', '<=', now)
      .orderBy('resultExpiresAt')
      .limit(DUE_AT_ONCE)
      .execute();
  }

  /** Forgets a result, after its shredding key was destroyed. */
  async clearResult(organisation: string, id: string): Promise<void> {
    await this.#db
      .updateTable('tasks')
      .set({ sealedResult: null, resultExpiresAt: null })
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .where('endedAt', 'is not', null)
      .execute();
  }

  /** Which of these tasks, of whatever organisation, still hold sealed content: the shredding keys of the others may go. */
  async holdingContent(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const rows = await this.#db
      .selectFrom('tasks')
      .select('id')
      .where('id', 'in', ids)
      .where((task) => task.or([task('sealedInput', 'is not', null), task('sealedResult', 'is not', null)]))
      .execute();
    return new Set(rows.map(({ id }) => id));
  }

  #one(organisation: string, id: string) {
    return this.#db.selectFrom('tasks').where('organisationId', '=', organisation).where('id', '=', id);
  }

  #open(organisation: string, id: string) {
    return this.#db
      .updateTable('tasks')
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .where('endedAt', 'is', null);
  }

  #allOpen(organisation: string) {
    return this.#db
      .selectFrom('tasks')
      .select(TASK_COLUMNS)
      .where('organisationId', '=', organisation)
      .where('endedAt', 'is', null)
      .orderBy('id');
  }

  #asSeen({ organisation, id, epoch, holder }: SeenTask) {
    return this.#open(organisation, id)
      .where('epoch', '=', epoch)
      .where('holder', 'is not distinct from', holder);
  }

  #move(task: SeenTask, to: TaskState, waiting: string | null = null) {
    return this.#asSeen(task).where('state', 'in', statesBefore(to)).set({ state: to, waiting });
  }
}

/** As `untilDueMs` has it. */
function isDue({ wallMs, steadyMs }: Clocks) {
  const [wall, steady] = [new Date(wallMs), new Date(steadyMs)];
  return sql<boolean>`(not_before is null
    or (retry_wait_ms is null and not_before <= ${wall}::timestamptz)
    or (retry_wait_ms is not null and (
      not_before <= ${steady}::timestamptz
      or not_before - retry_wait_ms * interval '1 millisecond' > ${steady}::timestamptz)))`;
}
