import type { Kysely } from 'kysely';
import { newId } from './ids.ts';
import type { Database } from './schema.ts';

export interface OrganisationRow {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  /** Of all its Claws together, in any 60 s; null is no cap. */
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  /** Cages at once; null: as many as the machine takes. */
  readonly maxCages: number | null;
}

export type OrganisationCaps = Pick<OrganisationRow, 'requestsPerMinute' | 'tokensPerMinute' | 'maxCages'>;

const COLUMNS = ['id', 'name', 'createdAt', 'requestsPerMinute', 'tokensPerMinute', 'maxCages'] as const;

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

  async byId(organisation: string): Promise<OrganisationRow | undefined> {
    return this.#db
      .selectFrom('organisations')
      .select(COLUMNS)
      .where('id', '=', organisation)
      .executeTakeFirst();
  }

  /** What is left out stays; `undefined` where there is no such organisation. */
  async setCaps(
    organisation: string,
    caps: { readonly [Cap in keyof OrganisationCaps]?: OrganisationCaps[Cap] | undefined },
  ): Promise<OrganisationRow | undefined> {
    const given = Object.fromEntries(Object.entries(caps).filter(([, cap]) => cap !== undefined));
    if (Object.keys(given).length === 0) return this.byId(organisation);
    return this.#db
      .updateTable('organisations')
      .set(given)
      .where('id', '=', organisation)
      .returning(COLUMNS)
      .executeTakeFirst();
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
