import type { Kysely, Transaction } from 'kysely';
import { CodedError } from '#errors/coded-error.ts';
import type { TaskState } from '#task/state.ts';
import { idIn, pageOf, type IdPage } from './id-cursor.ts';
import { newId } from './ids.ts';
import { holdClaw, IDEMPOTENCY_MS, rowOf, type NewTask } from './new-task.ts';
import { refuseAbove } from './queue-depth.ts';
import type { Database } from './schema.ts';
import { TASK_COLUMNS, type TaskRow } from './task-row.ts';

export interface BatchRow {
  readonly id: string;
  readonly organisation: string;
  /** The Claw's id. */
  readonly claw: string;
  readonly total: number;
  readonly createdAt: Date;
}

export interface NewBatch {
  /** Of `newId`: its tasks bear it before the row exists. */
  readonly id: string;
  readonly organisation: string;
  readonly claw: string;
  readonly idempotencyKey?: string;
  readonly idempotencyHash?: string;
}

export interface BatchQuery {
  /** The Claw's id. */
  readonly claw?: string;
  readonly limit: number;
  readonly cursor?: string;
}

const COLUMNS = ['id', 'organisationId as organisation', 'clawId as claw', 'total', 'createdAt'] as const;

/** Rows of one statement: their inputs can be large. */
const ROWS_AT_ONCE = 100;

/** Tasks that came together. */
export class BatchesStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  newId(): string {
    return newId('batch');
  }

  /**
   * The batch with all its tasks, or nothing of it. `created` is false where the Idempotency-Key found an earlier batch of the Claw: then nothing
   * changes. With `most` no more than so many of the Claw's tasks wait after it. Throws `idempotency_mismatch`, `not_found`, `claw_deleted`, `queue_full`.
   */
  async create(
    batch: NewBatch,
    tasks: readonly NewTask[],
    most?: number,
  ): Promise<{ batch: BatchRow; created: boolean }> {
    const now = new Date();
    return this.#db.transaction().execute(async (trx) => {
      await holdClaw(trx, batch, most === undefined ? 'share' : 'alone');
      const earlier = await this.#earlier(trx, batch, now);
      if (earlier) return { batch: earlier, created: false };
      if (most !== undefined) await refuseAbove(trx, batch, tasks.length, most);
      const row = await trx
        .insertInto('batches')
        .values({
          id: batch.id,
          organisationId: batch.organisation,
          clawId: batch.claw,
          total: tasks.length,
          idempotencyKey: batch.idempotencyKey ?? null,
          idempotencyHash: batch.idempotencyHash ?? null,
          createdAt: now,
        })
        .onConflict((conflict) =>
          conflict.columns(['clawId', 'idempotencyKey']).where('idempotencyKey', 'is not', null).doNothing(),
        )
        .returning(COLUMNS)
        .executeTakeFirst();
      if (row === undefined) return { batch: (await this.#earlier(trx, batch, now))!, created: false };
      for (let at = 0; at < tasks.length; at += ROWS_AT_ONCE) {
        const rows = tasks.slice(at, at + ROWS_AT_ONCE).map((task) => rowOf(task, now));
        await trx.insertInto('tasks').values(rows).execute();
      }
      return { batch: row, created: true };
    });
  }

  /** The batch that the same Idempotency-Key made for the same Claw within 24 h, for a caller that need not prepare one then. */
  async ofKey(batch: Omit<NewBatch, 'id'>): Promise<BatchRow | undefined> {
    return this.#db.transaction().execute((trx) => this.#earlier(trx, batch, new Date()));
  }

  async byId(organisation: string, id: string): Promise<BatchRow | undefined> {
    return this.#db
      .selectFrom('batches')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .executeTakeFirst();
  }

  /** Newest first. */
  async list(organisation: string, { claw, limit, cursor }: BatchQuery): Promise<IdPage<BatchRow>> {
    const rows = await this.#db
      .selectFrom('batches')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .$if(claw !== undefined, (batches) => batches.where('clawId', '=', claw!))
      .$if(cursor !== undefined, (batches) => batches.where('id', '<', idIn(cursor!, 'batch')))
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return pageOf(rows, limit);
  }

  /** Of each batch its tasks by state; states without one are left out. */
  async states(
    organisation: string,
    ids: readonly string[],
  ): Promise<Map<string, Partial<Record<TaskState, number>>>> {
    const counts = new Map<string, Partial<Record<TaskState, number>>>(ids.map((id) => [id, {}]));
    if (ids.length === 0) return counts;
    const rows = await this.#db
      .selectFrom('tasks')
      .select((column) => ['batchId', 'state', column.fn.countAll<number>().as('count')])
      .where('organisationId', '=', organisation)
      .where('batchId', 'in', ids)
      .groupBy(['batchId', 'state'])
      .execute();
    for (const { batchId, state, count } of rows) counts.get(batchId!)![state] = Number(count);
    return counts;
  }

  /** Its tasks in their order, from behind `after` on. */
  async tasks(
    organisation: string,
    id: string,
    after: string | undefined,
    limit: number,
  ): Promise<TaskRow[]> {
    return this.#db
      .selectFrom('tasks')
      .select(TASK_COLUMNS)
      .where('organisationId', '=', organisation)
      .where('batchId', '=', id)
      .$if(after !== undefined, (tasks) => tasks.where('id', '>', after!))
      .orderBy('id')
      .limit(limit)
      .execute();
  }

  /** Marks all of its tasks that have not ended, for whoever has them or takes them next; these, newest first. */
  async requestCancel(organisation: string, id: string): Promise<TaskRow[]> {
    const marked = await this.#db
      .updateTable('tasks')
      .set({ cancelRequested: true })
      .where('organisationId', '=', organisation)
      .where('batchId', '=', id)
      .where('endedAt', 'is', null)
      .returning(TASK_COLUMNS)
      .execute();
    return marked.toSorted((a, b) => (a.id < b.id ? 1 : -1));
  }

  async #earlier(
    trx: Transaction<Database>,
    { organisation, claw, idempotencyKey, idempotencyHash }: Omit<NewBatch, 'id'>,
    now: Date,
  ): Promise<BatchRow | undefined> {
    if (idempotencyKey === undefined) return undefined;
    const found = await trx
      .selectFrom('batches')
      .select([...COLUMNS, 'idempotencyHash'])
      .where('organisationId', '=', organisation)
      .where('clawId', '=', claw)
      .where('idempotencyKey', '=', idempotencyKey)
      .executeTakeFirst();
    if (!found) return undefined;
    const { idempotencyHash: hash, ...row } = found;
    if (now.getTime() - row.createdAt.getTime() >= IDEMPOTENCY_MS) {
      await trx
        .updateTable('batches')
        .set({ idempotencyKey: null, idempotencyHash: null })
        .where('id', '=', row.id)
        .execute();
      return undefined;
    }
    if (hash !== (idempotencyHash ?? null)) throw new CodedError('idempotency_mismatch', { batch: row.id });
    return row;
  }
}
