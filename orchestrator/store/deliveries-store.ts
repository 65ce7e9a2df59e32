import type { Kysely } from 'kysely';
import { steadyNow } from '../steady-clock.ts';
import { idIn, pageOf, type IdPage } from './id-cursor.ts';
import type { Database } from './schema.ts';

export interface DeliveryRow {
  /** Also the `webhook-id` of every attempt. */
  readonly id: string;
  readonly organisation: string;
  readonly task: string;
  readonly url: string;
  readonly state: 'waiting' | 'delivered' | 'failed';
  readonly attempts: number;
  readonly lastStatus: number | null;
  /** A code of the table, where an attempt failed without a status. */
  readonly lastError: string | null;
  readonly nextAt: Date | null;
  readonly createdAt: Date;
}

const COLUMNS = [
  'id',
  'organisationId as organisation',
  'taskId as task',
  'url',
  'state',
  'attempts',
  'lastStatus',
  'lastError',
  'nextAt',
  'createdAt',
] as const;

/** How far back tasks are looked at whose end was written and whose delivery was not. */
const HEAL_BACK_MS = 7 * 24 * 3600_000;
const HEALED_AT_ONCE = 500;

/** What is to be told to whom about tasks that have ended. */
export class DeliveriesStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  /** The delivery of a task's end, due at once; a task has one, so that a second call changes nothing. False where it was there. */
  async enqueue(task: {
    readonly id: string;
    readonly organisation: string;
    readonly webhook: string;
  }): Promise<boolean> {
    const { numInsertedOrUpdatedRows } = await this.#db
      .insertInto('deliveries')
      .values({
        id: deliveryId(task.id),
        organisationId: task.organisation,
        taskId: task.id,
        url: task.webhook,
        nextAt: new Date(steadyNow()),
        createdAt: new Date(),
      })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  }

  /** Tasks of whatever organisation that have ended and have a webhook but no delivery: a crash came between. */
  async missing(now: Date): Promise<{ id: string; organisation: string; webhook: string }[]> {
    return this.#db
      .selectFrom('tasks')
      .select(['id', 'organisationId as organisation', 'webhook'])
      .where('webhook', 'is not', null)
      .where('endedAt', '>', new Date(now.getTime() - HEAL_BACK_MS))
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('deliveries')
              .select('deliveries.id')
              .whereRef('deliveries.organisationId', '=', 'tasks.organisationId')
              .whereRef('deliveries.taskId', '=', 'tasks.id'),
          ),
        ),
      )
      .orderBy('endedAt')
      .limit(HEALED_AT_ONCE)
      .$narrowType<{ webhook: string }>()
      .execute();
  }

  /**
   * Takes deliveries that are due for one attempt each, which is counted now; nobody else gets them for `leaseMs`. An attempt that does not
   * come to its end, for a crash, is so made again.
   */
  async take(now: Date, limit: number, leaseMs: number): Promise<DeliveryRow[]> {
    return this.#db
      .updateTable('deliveries')
      .set((row) => ({ attempts: row('attempts', '+', 1), nextAt: new Date(now.getTime() + leaseMs) }))
      .where('id', 'in', (due) =>
        due
          .selectFrom('deliveries')
          .select('id')
          .where('state', '=', 'waiting')
          .where('nextAt', '<=', now)
          .orderBy('nextAt')
          .limit(limit)
          .forUpdate()
          .skipLocked(),
      )
      .returning(COLUMNS)
      .execute();
  }

  /** What became of an attempt; `nextAt` null for an end. Passed over where a later attempt was begun. */
  async settle(
    { id, attempts }: Pick<DeliveryRow, 'id' | 'attempts'>,
    outcome: Pick<DeliveryRow, 'state' | 'lastStatus' | 'lastError' | 'nextAt'>,
  ): Promise<void> {
    await this.#db
      .updateTable('deliveries')
      .set(outcome)
      .where('id', '=', id)
      .where('attempts', '=', attempts)
      .where('state', '=', 'waiting')
      .execute();
  }

  /** When the next is due; `undefined` where none waits. */
  async nextAt(): Promise<Date | undefined> {
    const row = await this.#db
      .selectFrom('deliveries')
      .select('nextAt')
      .where('state', '=', 'waiting')
      .orderBy('nextAt')
      .limit(1)
      .executeTakeFirst();
    return row?.nextAt ?? undefined;
  }

  /** Of one task. */
  async ofTask(
    organisation: string,
    task: string,
    { limit, cursor }: { readonly limit: number; readonly cursor?: string },
  ): Promise<IdPage<DeliveryRow>> {
    const rows = await this.#db
      .selectFrom('deliveries')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .where('taskId', '=', task)
      .$if(cursor !== undefined, (all) => all.where('id', '<', idIn(cursor!, 'delivery')))
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return pageOf(rows, limit);
  }
}

const deliveryId = (task: string): string => task.replace(/^task_/, 'delivery_');
