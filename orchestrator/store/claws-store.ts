import type { Kysely } from 'kysely';
import type { Claw, ClawSettings, ClawState } from '#claw/claw.ts';
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
    return orNameTaken(settings.name, () =>
      this.#db
        .insertInto('claws')
        .values({
          ...settings,
          id: newId('claw'),
          organisationId: organisation,
          keyId: key,
          createdAt: now,
          updatedAt: now,
        })
        .returning(COLUMNS)
        .executeTakeFirstOrThrow(),
    );
  }

  /** Those that are not deleted, oldest first. */
  async list(organisation: string): Promise<ClawRow[]> {
    return this.#db
      .selectFrom('claws')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .where('deletedAt', 'is', null)
      .orderBy('id')
      .execute();
  }

  /** The one that bears the name now. */
  async byName(organisation: string, name: string): Promise<ClawRow | undefined> {
    return this.#db
      .selectFrom('claws')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .where('name', '=', name)
      .where('deletedAt', 'is', null)
      .executeTakeFirst();
  }

  /** Also one that was deleted, which is stopped for good: its tasks still have a name to show. */
  async byId(organisation: string, id: string): Promise<ClawRow | undefined> {
    return this.#db
      .selectFrom('claws')
      .select(COLUMNS)
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .executeTakeFirst();
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
    change: Omit<ClawChange, 'key'> & { keyId?: string; state?: ClawState; deletedAt?: Date },
  ): Promise<ClawRow | undefined> {
    return this.#db
      .updateTable('claws')
      .set({ ...change, updatedAt: new Date() })
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .where('deletedAt', 'is', null)
      .returning(COLUMNS)
      .executeTakeFirst();
  }
}
