import { sql, type Kysely } from 'kysely';
import type { Database } from './schema.ts';

/** The Redis that holds the limiter's books; null after an orderly stop of our own, which has written everything down. */
export const LIMITER_RUN_ID = 'limiter.runId';

/** What the installation remembers about itself, as JSON by name. */
export class SettingsStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  async get(name: string): Promise<unknown> {
    const row = await this.#db
      .selectFrom('settings')
      .select('value')
      .where('name', '=', name)
      .executeTakeFirst();
    return row?.value;
  }

  async set(name: string, value: unknown): Promise<void> {
    const json = sql<unknown>`${JSON.stringify(value)}::text::jsonb`;
    await this.#db
      .insertInto('settings')
      .values({ name, value: json })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: json }))
      .execute();
  }

  /** Sets what is not set yet; what stands then. Of several callers at once all get the same. */
  async setOnce(name: string, value: unknown): Promise<unknown> {
    await this.#db
      .insertInto('settings')
      .values({ name, value: sql<unknown>`${JSON.stringify(value)}::text::jsonb` })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute();
    return this.get(name);
  }
}
