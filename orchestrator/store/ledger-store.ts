import { sql, type Kysely } from 'kysely';
import type { UsageView } from '#protocol/api.ts';
import type { Database } from './schema.ts';
import {
  usageByPeriod,
  usageInAll,
  type UsageMark,
  type UsagePeriod,
  type UsageQuery,
} from './usage-query.ts';

/** What one model call used; ids and counts only. */
export interface LedgerEntry extends UsageView {
  /** Made by the meter; the same call recorded twice counts once. */
  readonly callId: string;
  readonly organisation: string;
  readonly claw: string;
  readonly task: string;
  readonly key: string;
  readonly model: string;
  /** What the model was used for; `chat` where it is left out. */
  readonly operation?: string;
}

const sum = (column: string) => sql<number>`coalesce(sum(${sql.ref(column)}), 0)::bigint`;

/** Append-only. */
export class LedgerStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  /** False where the call was recorded before: then nothing changes. */
  async record(
    { organisation, claw, task, key, ...entry }: LedgerEntry,
    at: Date = new Date(),
  ): Promise<boolean> {
    const { numInsertedOrUpdatedRows } = await this.#db
      .insertInto('ledger')
      .values({
        ...entry,
        organisationId: organisation,
        clawId: claw,
        taskId: task,
        keyId: key,
        at,
      })
      .onConflict((conflict) => conflict.column('callId').doNothing())
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  }

  async ofTask(organisation: string, task: string): Promise<UsageView> {
    return this.#sums(organisation).where('taskId', '=', task).executeTakeFirstOrThrow();
  }

  async ofClaw(organisation: string, claw: string, since: Date): Promise<UsageView> {
    return this.#sums(organisation)
      .where('clawId', '=', claw)
      .where('at', '>=', since)
      .executeTakeFirstOrThrow();
  }

  async ofKey(organisation: string, key: string, since: Date): Promise<UsageView> {
    return this.#sums(organisation)
      .where('keyId', '=', key)
      .where('at', '>=', since)
      .executeTakeFirstOrThrow();
  }

  /** Of all tasks of a batch. */
  async ofBatch(organisation: string, batch: string): Promise<UsageView> {
    return this.#sums(organisation)
      .where('taskId', 'in', (tasks) => tasks.selectFrom('tasks').select('id').where('batchId', '=', batch))
      .executeTakeFirstOrThrow();
  }

  /** By period and label, in order; periods without a call are left out. */
  async byPeriod(
    organisation: string,
    query: UsageQuery,
    page: { readonly after?: UsageMark | undefined; readonly limit: number },
  ): Promise<UsagePeriod[]> {
    return usageByPeriod(this.#db, organisation, query, page);
  }

  async inAll(organisation: string, query: UsageQuery): Promise<UsageView> {
    return usageInAll(this.#db, organisation, query);
  }

  #sums(organisation: string) {
    return this.#db
      .selectFrom('ledger')
      .select([
        sum('requests').as('requests'),
        sum('inputTokens').as('inputTokens'),
        sum('cachedTokens').as('cachedTokens'),
        sum('outputTokens').as('outputTokens'),
        sum('reasoningTokens').as('reasoningTokens'),
        sum('totalTokens').as('totalTokens'),
      ])
      .where('organisationId', '=', organisation);
  }
}
