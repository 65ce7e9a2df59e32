import { sql, type Kysely } from 'kysely';
import type { UsageView } from '#protocol/api.ts';
import type { Database } from './schema.ts';

/** What one model call used; ids and counts only. */
export interface LedgerEntry extends UsageView {
  /** Made by the meter; the same call recorded twice counts once. */
  readonly callId: string;
  readonly organisation: string;
  readonly claw: string;
  readonly task: string;
  readonly key: string;
  readonly model: string;
}

const sum = (column: string) => sql<number>`coalesce(sum(${sql.ref(column)}), 0)::bigint`;

/** Append-only. */
export class LedgerStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  /** False where the call was recorded before: then nothing changes. */
  async record({ organisation, claw, task, key, ...entry }: LedgerEntry): Promise<boolean> {
    const { numInsertedOrUpdatedRows } = await this.#db
      .insertInto('ledger')
      .values({
        ...entry,
        organisationId: organisation,
        clawId: claw,
        taskId: task,
        keyId: key,
        at: new Date(),
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
