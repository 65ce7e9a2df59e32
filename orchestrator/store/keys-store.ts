import type { Kysely } from 'kysely';
import { CodedError } from '#errors/coded-error.ts';
import { idIn, pageOf, type IdPage } from './id-cursor.ts';
import { newId } from './ids.ts';
import { orNameTaken } from './name-taken.ts';
import type { Database } from './schema.ts';

export interface KeyRow {
  readonly id: string;
  readonly organisation: string;
  readonly name: string;
  readonly provider: string;
  readonly baseUrl: string;
  /** PEM of the endpoint's private CA. */
  readonly ca: string | null;
  /** The envelope of the vault; null once the key is revoked. */
  readonly record: Buffer | null;
  readonly masked: string;
  /** 1, and one more with each rotation; bound into the envelope. */
  readonly version: number;
  readonly state: 'active' | 'revoked';
  readonly verifiedAt: Date | null;
  readonly createdAt: Date;
  /** Of all its Claws together, in any 60 s; null is no cap. */
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
}

const COLUMNS = [
  'id',
  'organisationId as organisation',
  'name',
  'provider',
  'baseUrl',
  'ca',
  'record',
  'masked',
  'version',
  'state',
  'verifiedAt',
  'createdAt',
  'requestsPerMinute',
  'tokensPerMinute',
] as const;

export type NewKey = Pick<
  KeyRow,
  'id' | 'organisation' | 'name' | 'provider' | 'baseUrl' | 'ca' | 'masked' | 'verifiedAt'
> &
  Partial<Pick<KeyRow, 'requestsPerMinute' | 'tokensPerMinute'>> & {
    readonly record: Buffer;
  };

/** An envelope with what it is bound to. */
export interface KeyRecord {
  readonly organisation: string;
  readonly id: string;
  readonly provider: string;
  readonly version: number;
  readonly record: Buffer;
}

export class KeysStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  newId(): string {
    return newId('key');
  }

  /** Version 1, active. `name_taken` where an active key of the organisation bears the name. */
  async create({ organisation, ...key }: NewKey): Promise<KeyRow> {
    return orNameTaken(key.name, () =>
      this.#db
        .insertInto('keys')
        .values({ ...key, organisationId: organisation, version: 1, state: 'active', createdAt: new Date() })
        .returning(COLUMNS)
        .executeTakeFirstOrThrow(),
    );
  }

  /** Oldest first, revoked ones with them. */
  async list(organisation: string): Promise<KeyRow[]> {
    return this.#db
      .selectFrom('keys')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .orderBy('id')
      .execute();
  }

  /** As `list`, page by page, of all states or of one. */
  async page(
    organisation: string,
    {
      state,
      limit,
      cursor,
    }: { state?: KeyRow['state'] | undefined; limit: number; cursor?: string | undefined },
  ): Promise<IdPage<KeyRow>> {
    const rows = await this.#db
      .selectFrom('keys')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .$if(state !== undefined, (keys) => keys.where('state', '=', state!))
      .$if(cursor !== undefined, (keys) => keys.where('id', '>', idIn(cursor!, 'key')))
      .orderBy('id')
      .limit(limit + 1)
      .execute();
    return pageOf(rows, limit);
  }

  /** The active key of that name, or else the newest revoked one. */
  async byName(organisation: string, name: string): Promise<KeyRow | undefined> {
    return this.#db
      .selectFrom('keys')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .where('name', '=', name)
      .orderBy('state')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
  }

  async byId(organisation: string, id: string): Promise<KeyRow | undefined> {
    return this.#db
      .selectFrom('keys')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .executeTakeFirst();
  }

  /**
   * Puts the next version in the place of the last. Throws `not_found`, `key_revoked`, or `conflict` where another rotation
   * came first.
   */
  async rotate(
    organisation: string,
    id: string,
    next: Pick<KeyRow, 'version' | 'masked' | 'verifiedAt'> & { readonly record: Buffer },
  ): Promise<KeyRow> {
    const rotated = await this.#db
      .updateTable('keys')
      .set(next)
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .where('state', '=', 'active')
      .where('version', '=', next.version - 1)
      .returning(COLUMNS)
      .executeTakeFirst();
    if (rotated !== undefined) return rotated;
    const key = await this.byId(organisation, id);
    if (key === undefined) throw new CodedError('not_found', { key: id });
    throw key.state === 'revoked'
      ? new CodedError('key_revoked', { key: key.name })
      : new CodedError('conflict', { version: key.version });
  }

  /** A cap that is left out stays; `undefined` where there is no such key. */
  async setCaps(
    organisation: string,
    id: string,
    caps: { requestsPerMinute?: number | null | undefined; tokensPerMinute?: number | null | undefined },
  ): Promise<KeyRow | undefined> {
    const given = Object.fromEntries(Object.entries(caps).filter(([, cap]) => cap !== undefined));
    if (Object.keys(given).length === 0) return this.byId(organisation, id);
    return this.#db
      .updateTable('keys')
      .set(given)
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .returning(COLUMNS)
      .executeTakeFirst();
  }

  /** Destroys the record: nothing opens the key any more. Revoking twice is fine; `undefined` where there is no such key. */
  async revoke(organisation: string, id: string): Promise<KeyRow | undefined> {
    return this.#db
      .updateTable('keys')
      .set({ state: 'revoked', record: null })
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .returning(COLUMNS)
      .executeTakeFirst();
  }

  async markVerified(organisation: string, id: string, at: Date): Promise<void> {
    await this.#db
      .updateTable('keys')
      .set({ verifiedAt: at })
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .execute();
  }

  /** Claws that use the key and are not deleted. */
  async inUse(organisation: string, id: string): Promise<number> {
    const { count } = await this.#db
      .selectFrom('claws')
      .select((column) => column.fn.countAll<number>().as('count'))
      .where('organisationId', '=', organisation)
      .where('keyId', '=', id)
      .where('deletedAt', 'is', null)
      .executeTakeFirstOrThrow();
    return count;
  }

  /** Every envelope of the installation, to wrap it anew under another key-encryption key. */
  async allRecords(): Promise<KeyRecord[]> {
    return this.#db
      .selectFrom('keys')
      .select(['organisationId as organisation', 'id', 'provider', 'version', 'record'])
      .where('record', 'is not', null)
      .orderBy('id')
      .$narrowType<{ record: Buffer }>()
      .execute();
  }

  /** Puts a rewrapped envelope in the place of the one that was read; false where that has changed meanwhile. */
  async replaceRecord({ organisation, id, record }: KeyRecord, rewrapped: Buffer): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('keys')
      .set({ record: rewrapped })
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .where('record', '=', record)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }
}
