import type { Kysely } from 'kysely';
import { newId } from './ids.ts';
import type { Database } from './schema.ts';

export interface OrganisationRow {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
}

const COLUMNS = ['id', 'name', 'createdAt'] as const;

/** Tenants. Until there are accounts there is one, which the first start makes. */
export class OrganisationsStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  /** The oldest; made where there is none, once, whoever starts first. */
  async first(): Promise<OrganisationRow> {
    const oldest = () => this.#db.selectFrom('organisations').select(COLUMNS).orderBy('id').limit(1);
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
      .select(COLUMNS)
      .where('name', '=', name)
      .executeTakeFirstOrThrow();
  }

  /** The envelope of what signs its webhooks; null where none was made yet. */
  async webhookSecret(organisation: string): Promise<Buffer | null> {
    const row = await this.#db
      .selectFrom('organisations')
      .select('webhookSecretRecord')
      .where('id', '=', organisation)
      .executeTakeFirst();
    return row?.webhookSecretRecord ?? null;
  }

  /** Puts an envelope in the place of the one that was read (null: of none); false where that has changed meanwhile. */
  async replaceWebhookSecret(organisation: string, read: Buffer | null, next: Buffer): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('organisations')
      .set({ webhookSecretRecord: next })
      .where('id', '=', organisation)
      .where('webhookSecretRecord', 'is not distinct from', read)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** Every envelope of the installation, to wrap it anew under another key-encryption key. */
  async allWebhookSecrets(): Promise<{ organisation: string; record: Buffer }[]> {
    return this.#db
      .selectFrom('organisations')
      .select(['id as organisation', 'webhookSecretRecord as record'])
      .where('webhookSecretRecord', 'is not', null)
      .orderBy('id')
      .$narrowType<{ record: Buffer }>()
      .execute();
  }
}
