import type { Kysely } from 'kysely';
import { newId } from './ids.ts';
import type { Database } from './schema.ts';

export interface OrganisationRow {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
}

/** Tenants. Until there are accounts there is one, which the first start makes. */
export class OrganisationsStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  /** The oldest; made where there is none, once, whoever starts first. */
  async first(): Promise<OrganisationRow> {
    const oldest = () => this.#db.selectFrom('organisations').selectAll().orderBy('id').limit(1);
    const present = await oldest().executeTakeFirst();
    if (present !== undefined) return present;
    await this.create('default');
    return oldest().executeTakeFirstOrThrow();
  }

  /** The organisation of that name, made where there is none. */
  async create(name: string): Promise<OrganisationRow> {
    await this.#db
      .insertInto('organisations')
      .values({ id: newId('org'), name, createdAt: new Date() })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute();
    return this.#db
      .selectFrom('organisations')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirstOrThrow();
  }
}
