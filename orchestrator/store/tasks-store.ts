import { sql, type Kysely } from 'kysely';
import type { ErrorBody } from '#errors/coded-error.ts';
import { statesBefore, type FinalState, type TaskState } from '#task/state.ts';
import { newId } from './ids.ts';
import { createTask, earlierTask, type NewTask } from './new-task.ts';
import type { Database } from './schema.ts';
import { listTasks, type TaskPage, type TaskQuery } from './task-list.ts';
import { TASK_COLUMNS, type TaskRow } from './task-row.ts';

export type { TaskRow } from './task-row.ts';

const DUE_AT_ONCE = 500;

/**
 * Tasks. Whatever moves one is a compare-and-set on its state and epoch: it happens as a whole or not at all, and who comes late
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
  async create(task: NewTask): Promise<{ task: TaskRow; created: boolean }> {
    return createTask(this.#db, task, new Date());
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

  /** Begins an attempt: queued, at `expected`, becomes starting with the next epoch, which is returned. Of several callers one gets it. */
  async takeEpoch(organisation: string, id: string, expected: number): Promise<number | undefined> {
    const row = await this.#move(organisation, id, 'starting')
      .where('epoch', '=', expected)
      .set({ epoch: expected + 1 })
      .returning('epoch')
      .executeTakeFirst();
    return row?.epoch;
  }

  /** To a state that is not final, for the attempt of `epoch` only. */
  async transition(
    organisation: string,
    id: string,
    epoch: number,
    to: Exclude<TaskState, FinalState>,
    patch: { readonly startedAt?: Date } = {},
  ): Promise<TaskRow | undefined> {
    return this.#move(organisation, id, to)
      .where('epoch', '=', epoch)
      .set(patch)
      .returning(TASK_COLUMNS)
      .executeTakeFirst();
  }

  /** Back to the queue; the next attempt begins from the same epoch, and not before `notBefore`. */
  async requeue(
    organisation: string,
    id: string,
    epoch: number,
    { notBefore = null, waiting = null }: { notBefore?: Date | null; waiting?: string | null } = {},
  ): Promise<TaskRow | undefined> {
    return this.#move(organisation, id, 'queued', waiting)
      .where('epoch', '=', epoch)
      .set({ startedAt: null, notBefore })
      .returning(TASK_COLUMNS)
      .executeTakeFirst();
  }

  /**
   * To a final state, once: the first caller gets the row, every later one `undefined`. `epoch` null ends whichever attempt there is. The sealed input
   * is cleared with it; the caller destroys the shredding key where no result is kept.
   */
  async finish(
    organisation: string,
    id: string,
    epoch: number | null,
    to: FinalState,
    outcome: {
      readonly error?: ErrorBody;
      readonly sealedResult?: Buffer;
      readonly resultExpiresAt?: Date;
    } = {},
  ): Promise<TaskRow | undefined> {
    const { error, sealedResult = null, resultExpiresAt = null } = outcome;
    return this.#move(organisation, id, to)
      .$if(epoch !== null, (task) => task.where('epoch', '=', epoch!))
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
  async setWaiting(organisation: string, id: string, reason: string | null): Promise<void> {
    await this.#open(organisation, id).set({ waiting: reason }).execute();
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

  /** Those of the Claw that have not ended, oldest first. */
  async nonFinalOf(organisation: string, claw: string): Promise<TaskRow[]> {
    return this.#allOpen(organisation).where('clawId', '=', claw).execute();
  }

  /** The Claw's tasks that wait for a place and whose time has come: of the highest priority first, of equal ones the oldest. */
  async oldestQueued(
    organisation: string,
    claw: string,
    limit = 1,
    now: Date = new Date(),
  ): Promise<TaskRow[]> {
    return this.#db
      .selectFrom('tasks')
      .select(TASK_COLUMNS)
      .where('organisationId', '=', organisation)
      .where('clawId', '=', claw)
      .where('state', '=', 'queued')
      .where((task) => task.or([task('notBefore', 'is', null), task('notBefore', '<=', now)]))
      .orderBy('priority', 'desc')
      .orderBy('id')
      .limit(limit)
      .execute();
  }

  /** Tasks that have not ended although their deadline is over. */
  async overdue(organisation: string, now: Date): Promise<TaskRow[]> {
    return this.#allOpen(organisation).where('deadline', '<=', now).limit(DUE_AT_ONCE).execute();
  }

  /** The attempt may have changed something outside: it is tried again only where that is allowed. */
  async markActed(organisation: string, id: string, epoch: number): Promise<void> {
    await this.#open(organisation, id)
      .where('epoch', '=', epoch)
      .where('acted', '=', false)
      .set({ acted: true })
      .execute();
  }

  /** Attempts under way: starting or running. */
  async countActive(organisation: string, claw: string): Promise<number> {
    const { starting = 0, running = 0 } = await this.byState(organisation, claw);
    return starting + running;
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

  #move(organisation: string, id: string, to: TaskState, waiting: string | null = null) {
    return this.#open(organisation, id).where('state', 'in', statesBefore(to)).set({ state: to, waiting });
  }
}
