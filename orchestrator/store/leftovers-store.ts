import type { Kysely } from 'kysely';
import type { CageState } from './cages-store.ts';
import { IDEMPOTENCY_MS } from './new-task.ts';
import type { Database } from './schema.ts';

/** A cage's row, as far as it matters whether anybody still needs it. */
export interface CageToJudge {
  readonly id: string;
  readonly organisation: string;
  readonly state: CageState;
  readonly holder: string | null;
  readonly task: string | null;
  /** Its attempt is over: the task has ended, waits for its next attempt, or has begun that. */
  readonly taskOver: boolean;
}

const AT_ONCE = 1000;

/** What the rows of all organisations say about things that may be left over. */
export class LeftoversStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  async cages(): Promise<CageToJudge[]> {
    const rows = await this.#db
      .selectFrom('cages')
      .leftJoin('tasks', 'tasks.id', 'cages.taskId')
      .select([
        'cages.id',
        'cages.organisationId as organisation',
        'cages.state',
        'cages.holder',
        'cages.taskId as task',
        'cages.taskEpoch',
        'tasks.id as taskId',
        'tasks.state as taskState',
        'tasks.epoch',
        'tasks.endedAt',
      ])
      .orderBy('cages.id')
      .execute();
    return rows.map(({ taskEpoch, taskId, taskState, epoch, endedAt, ...cage }) => {
      const passed = taskEpoch !== null && (taskState === 'queued' || (epoch ?? 0) > taskEpoch);
      return { ...cage, taskOver: cage.task !== null && (taskId === null || endedAt !== null || passed) };
    });
  }

  async hasCage(id: string): Promise<boolean> {
    const row = await this.#db.selectFrom('cages').select('id').where('id', '=', id).executeTakeFirst();
    return row !== undefined;
  }

  /** Marks a cage as ending, if its row is still as it was judged: nobody has taken it meanwhile, for another task or in another's name. */
  async claimEnd({ id, state, holder, task }: CageToJudge): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('cages')
      .set({ state: 'ending' })
      .where('id', '=', id)
      .where('state', '=', state)
      .where('holder', holder === null ? 'is' : '=', holder)
      .where('taskId', task === null ? 'is' : '=', task)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** Tasks that have files although they have ended and no result is kept, or that are not there. */
  async filesWithoutResult(): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('taskFiles')
      .select('taskFiles.taskId')
      .distinct()
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('tasks')
              .select('tasks.id')
              .whereRef('tasks.id', '=', 'taskFiles.taskId')
              .where((task) =>
                task.or([task('tasks.endedAt', 'is', null), task('tasks.sealedResult', 'is not', null)]),
              ),
          ),
        ),
      )
      .limit(AT_ONCE)
      .execute();
    return rows.map(({ taskId }) => taskId);
  }

  /** How many Idempotency-Keys have had their 24 h. */
  async forgottenKeys(now: Date): Promise<{ readonly tasks: number; readonly batches: number }> {
    const [tasks, batches] = await Promise.all([this.#countOf('tasks', now), this.#countOf('batches', now)]);
    return { tasks, batches };
  }

  /** Forgets those, some hundreds at a time, so that no statement holds many rows for long; how many. */
  async forgetKeys(of: 'tasks' | 'batches', now: Date): Promise<number> {
    let forgotten = 0;
    for (;;) {
      const { numUpdatedRows } = await this.#db
        .updateTable(of)
        .set({ idempotencyKey: null, idempotencyHash: null })
        .where('id', 'in', (rows) =>
          rows
            .selectFrom(of)
            .select('id')
            .where('idempotencyKey', 'is not', null)
            .where('createdAt', '<=', since(now))
            .limit(AT_ONCE),
        )
        .executeTakeFirst();
      forgotten += Number(numUpdatedRows);
      if (Number(numUpdatedRows) < AT_ONCE) return forgotten;
    }
  }

  /** Which of these tasks have not ended. */
  async openOf(ids: readonly string[]): Promise<Set<string>> {
    const open = new Set<string>();
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const rows = await this.#db
        .selectFrom('tasks')
        .select('id')
        .where('id', 'in', ids.slice(at, at + AT_ONCE))
        .where('endedAt', 'is', null)
        .execute();
      for (const { id } of rows) open.add(id);
    }
    return open;
  }

  async #countOf(table: 'tasks' | 'batches', now: Date): Promise<number> {
    const { count } = await this.#db
      .selectFrom(table)
      .select((row) => row.fn.countAll<number>().as('count'))
      .where('idempotencyKey', 'is not', null)
      .where('createdAt', '<=', since(now))
      .executeTakeFirstOrThrow();
    return Number(count);
  }
}

const since = (now: Date): Date => new Date(now.getTime() - IDEMPOTENCY_MS);
