import type { Kysely } from 'kysely';
import { newId } from './ids.ts';
import type { Database } from './schema.ts';

export interface OrchestratorRow {
  readonly id: string;
  readonly machine: string;
  readonly pid: number;
  readonly version: string;
  readonly beat: number;
}

const AT_ONCE = 500;
const COLUMNS = ['id', 'machine', 'pid', 'version', 'beat'] as const;

/**
 * The orchestrators of this database: `live → left | expired`, with no way back. One that is not live holds nothing, whatever a row says; one that was
 * declared expired and wakes up has to register anew.
 */
export class OrchestratorsStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  newId(): string {
    return newId('orch');
  }

  async register({
    id = this.newId(),
    ...of
  }: Omit<OrchestratorRow, 'beat' | 'id'> & { readonly id?: string }): Promise<OrchestratorRow> {
    return this.#db
      .insertInto('orchestrators')
      .values({ ...of, id, startedAt: new Date() })
      .returning(COLUMNS)
      .executeTakeFirstOrThrow();
  }

  /** Says that it lives; false where it was declared expired. */
  async beat(id: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#live(id)
      .set((row) => ({ beat: row('beat', '+', 1) }))
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** Declares that it is gone, unless it has said a word since `beat`; of several callers one gets true. */
  async expire(id: string, beat: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#live(id)
      .where('beat', '=', beat)
      .set({ state: 'expired' })
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** In order, at its end: what it held is free at once. */
  async leave(id: string): Promise<void> {
    await this.#live(id).set({ state: 'left' }).execute();
  }

  /** Oldest first. */
  async live(): Promise<OrchestratorRow[]> {
    return this.#db
      .selectFrom('orchestrators')
      .select(COLUMNS)
      .where('state', '=', 'live')
      .orderBy('id')
      .execute();
  }

  /** Those that are gone and whose name stands in no row any more; some hundreds at most. */
  async gone(): Promise<string[]> {
    const rows = await this.#gone().execute();
    return rows.map(({ id }) => id);
  }

  /** Forgets those; how many. */
  async forgetGone(): Promise<number> {
    const { numDeletedRows } = await this.#db
      .deleteFrom('orchestrators')
      .where('id', 'in', this.#gone())
      .executeTakeFirst();
    return Number(numDeletedRows);
  }

  #gone() {
    return this.#db
      .selectFrom('orchestrators')
      .select('id')
      .where('state', '!=', 'live')
      .where(({ not, exists, selectFrom }) =>
        not(exists(selectFrom('cages').select('cages.id').whereRef('cages.holder', '=', 'orchestrators.id'))),
      )
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('tasks')
              .select('tasks.id')
              .whereRef('tasks.holder', '=', 'orchestrators.id')
              .where('tasks.endedAt', 'is', null),
          ),
        ),
      )
      .limit(AT_ONCE);
  }

  #live(id: string) {
    return this.#db.updateTable('orchestrators').where('id', '=', id).where('state', '=', 'live');
  }
}
