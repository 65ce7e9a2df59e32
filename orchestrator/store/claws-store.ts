import { sql, type Kysely, type RawBuilder } from 'kysely';
import { z } from 'zod';
import { BEHAVIOUR, type Claw, type ClawBehaviour, type ClawSettings, type ClawState } from '#claw/claw.ts';
import { CodedError } from '#errors/coded-error.ts';
import { clawFields } from '#protocol/api.ts';
import { readDocument } from '#protocol/read-document.ts';
import { idIn, pageOf, type IdPage } from './id-cursor.ts';
import { newId } from './ids.ts';
import { orNameTaken } from './name-taken.ts';
import type { Database } from './schema.ts';

export type ClawRow = Claw;

/** A field that is left out, or undefined, stays as it is. */
export type ClawChange = {
  readonly [Field in keyof Omit<ClawSettings, 'name'>]?: ClawSettings[Field] | undefined;
};

const COLUMNS = [
  'id',
  'organisationId as organisation',
  'name',
  'model',
  'keyId as key',
  'instructions',
  'requestsPerMinute',
  'tokensPerMinute',
  'maxSteps',
  'concurrency',
  'timeoutMs',
  'behaviour',
  'state',
  'createdAt',
  'updatedAt',
] as const;

export class ClawsStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  /** Stopped. `name_taken`; `not_found` where the key is none of the organisation's. */
  async create({
    organisation,
    key,
    ...settings
  }: ClawSettings & { readonly organisation: string }): Promise<ClawRow> {
    const now = new Date();
    const { columns, behaviour } = split(settings);
    const row = await orNameTaken(settings.name, () =>
      this.#db
        .insertInto('claws')
        .values({
          ...columns,
          behaviour: json(behaviour),
          id: newId('claw'),
          organisationId: organisation,
          keyId: key,
          createdAt: now,
          updatedAt: now,
        })
        .returning(COLUMNS)
        .executeTakeFirstOrThrow(),
    );
    return whole(row);
  }

  /** Those that are not deleted, oldest first. */
  async list(organisation: string): Promise<ClawRow[]> {
    const rows = await this.#db
      .selectFrom('claws')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .where('deletedAt', 'is', null)
      .orderBy('id')
      .execute();
    return readable(rows);
  }

  /** As `list`, page by page; `key` is a key's id. */
  async page(
    organisation: string,
    {
      state,
      key,
      limit,
      cursor,
    }: {
      state?: ClawState | undefined;
      key?: string | undefined;
      limit: number;
      cursor?: string | undefined;
    },
  ): Promise<IdPage<ClawRow>> {
    const rows = await this.#db
      .selectFrom('claws')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .where('deletedAt', 'is', null)
      .$if(state !== undefined, (claws) => claws.where('state', '=', state!))
      .$if(key !== undefined, (claws) => claws.where('keyId', '=', key!))
      .$if(cursor !== undefined, (claws) => claws.where('id', '>', idIn(cursor!, 'claw')))
      .orderBy('id')
      .limit(limit + 1)
      .execute();
    const page = pageOf(rows, limit);
    return { ...page, items: readable(page.items) };
  }

  /** The one that bears the name now. */
  async byName(organisation: string, name: string): Promise<ClawRow | undefined> {
    const row = await this.#db
      .selectFrom('claws')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .where('name', '=', name)
      .where('deletedAt', 'is', null)
      .executeTakeFirst();
    return row && whole(row);
  }

  /** Also one that was deleted, which is stopped for good: its tasks still have a name to show. */
  async byId(organisation: string, id: string): Promise<ClawRow | undefined> {
    const row = await this.#db
      .selectFrom('claws')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .executeTakeFirst();
    return row && whole(row);
  }

  /** `undefined` where there is none; `not_found` where the key is none of the organisation's. */
  async patch(
    organisation: string,
    id: string,
    { key, ...change }: ClawChange,
  ): Promise<ClawRow | undefined> {
    return this.#update(organisation, id, { ...change, ...(key !== undefined && { keyId: key }) });
  }

  async setState(organisation: string, id: string, state: ClawState): Promise<ClawRow | undefined> {
    return this.#update(organisation, id, { state });
  }

  /** Stops it for good and frees its name; tasks and counts stay. From here on no task is accepted for it. False where it was gone already. */
  async delete(organisation: string, id: string): Promise<boolean> {
    return (await this.#update(organisation, id, { state: 'stopped', deletedAt: new Date() })) !== undefined;
  }

  async #update(
    organisation: string,
    id: string,
    {
      keyId,
      state,
      deletedAt,
      ...settings
    }: Omit<ClawChange, 'key'> & {
      keyId?: string;
      state?: ClawState;
      deletedAt?: Date;
    },
  ): Promise<ClawRow | undefined> {
    const { columns, behaviour } = split(settings);
    const row = await this.#db
      .updateTable('claws')
      .set({
        ...columns,
        ...(keyId !== undefined && { keyId }),
        ...(state !== undefined && { state }),
        ...(deletedAt !== undefined && { deletedAt }),
        // Each field is replaced whole; those that are not named stay.
        behaviour: sql`behaviour || ${json(behaviour)}`,
        updatedAt: new Date(),
      })
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .where('deletedAt', 'is', null)
      .returning(COLUMNS)
      .executeTakeFirst();
    return row && whole(row);
  }
}

const inBehaviour = new Set<string>(BEHAVIOUR);

/** What has columns of its own, and what lies in the one document. */
function split<T extends object>(
  settings: T,
): { columns: Omit<T, keyof ClawBehaviour>; behaviour: Partial<ClawBehaviour> } {
  const entries = Object.entries(settings).filter(([, value]) => value !== undefined);
  return {
    columns: Object.fromEntries(entries.filter(([field]) => !inBehaviour.has(field))) as Omit<
      T,
      keyof ClawBehaviour
    >,
    behaviour: Object.fromEntries(entries.filter(([field]) => inBehaviour.has(field))),
  };
}

const json = (value: object): RawBuilder<Partial<ClawBehaviour>> =>
  sql<Partial<ClawBehaviour>>`${JSON.stringify(value)}::text::jsonb`;

const behaviourFields = z.object(
  Object.fromEntries(BEHAVIOUR.map((field) => [field, clawFields[field]])) as Pick<
    typeof clawFields,
    (typeof BEHAVIOUR)[number]
  >,
);

/** A row of before has not every field: the others have their defaults. Throws `release_newer`. */
function whole<T extends { id: string; behaviour: Partial<ClawBehaviour> }>({
  behaviour,
  ...row
}: T): Omit<T, 'behaviour'> & ClawBehaviour {
  return { ...row, ...readDocument(behaviourFields, behaviour, { claw: row.id }) };
}

/** Of several, those that this release can read: the others are for orchestrators of the one that wrote them. */
function readable<T extends { id: string; behaviour: Partial<ClawBehaviour> }>(
  rows: readonly T[],
): (Omit<T, 'behaviour'> & ClawBehaviour)[] {
  return rows.flatMap((row) => {
    try {
      return [whole(row)];
    } catch (error) {
      if (isNewer(error)) return [];
      throw error;
    }
  });
}

const isNewer = (error: unknown): boolean => error instanceof CodedError && error.code === 'release_newer';
