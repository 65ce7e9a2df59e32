import { sql, type Kysely } from 'kysely';
import { CAGE_COLUMNS, type CageRow } from './cage-row.ts';
import { isFree } from './free-holder.ts';
import { newId } from './ids.ts';
import type { Database } from './schema.ts';

export type { CageRow, CageState } from './cage-row.ts';

/** A row that is about to be a container; with a task it is for that attempt from the beginning. */
export type NewCage = Pick<CageRow, 'id' | 'organisation' | 'claw' | 'purpose' | 'linkSecretRecord'> & {
  readonly holder: string;
  readonly task?: string;
  readonly taskEpoch?: number;
};

/**
 * Cages: `creating → warm`, and from either, once a task's `start` may be on its way, to `assigned`; back to `warm` where a Claw keeps its cage; from anywhere to
 * `ending`, from where there is no way back. `holder` has the link; who takes it over raises the epoch in the same statement, and every change is made by the
 * holder, or by who becomes it because nobody is it any more.
 */
export class CagesStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  newId(): string {
    return newId('cage');
  }

  /** Before its container is made, so that no container is without a row. It takes a place: see PlacesStore for those that have to find one. */
  async insert({ organisation, claw, task = undefined, taskEpoch, ...cage }: NewCage): Promise<CageRow> {
    return this.#db
      .insertInto('cages')
      .values({
        ...cage,
        organisationId: organisation,
        clawId: claw,
        taskId: task ?? null,
        taskEpoch: taskEpoch ?? null,
        epoch: 1,
        createdAt: new Date(),
      })
      .returning(CAGE_COLUMNS)
      .executeTakeFirstOrThrow();
  }

  async byId(organisation: string, id: string): Promise<CageRow | undefined> {
    return this.#all(organisation).where('id', '=', id).executeTakeFirst();
  }

  /** Oldest first. */
  async list(organisation: string): Promise<CageRow[]> {
    return this.#all(organisation).orderBy('id').execute();
  }

  /** Those that `holder` has, or nobody any more; oldest first. */
  async listFor(organisation: string, holder: string): Promise<CageRow[]> {
    return this.#all(organisation)
      .where((cage) => cage.or([cage('holder', '=', holder), isFree('cages.holder')]))
      .orderBy('id')
      .execute();
  }

  async ofTask(organisation: string, task: string): Promise<CageRow[]> {
    return this.#all(organisation).where('taskId', '=', task).orderBy('id').execute();
  }

  async warmOf(organisation: string, claw: string): Promise<CageRow[]> {
    return this.#all(organisation)
      .where('clawId', '=', claw)
      .where('state', '=', 'warm')
      .orderBy('id')
      .execute();
  }

  /**
   * A warm cage of the Claw, made ready for the attempt; of several callers each gets another, or none. Those that `holder` has come first, then the oldest;
   * another's link is taken over, with a newer epoch.
   */
  async claimWarm(
    {
      organisation,
      claw,
      id: task,
      epoch,
    }: { organisation: string; claw: string; id: string; epoch: number },
    holder: string,
  ): Promise<CageRow | undefined> {
    return this.#db
      .updateTable('cages')
      .set((cage) => ({
        state: 'creating',
        taskId: task,
        taskEpoch: epoch,
        holder,
        epoch: sql<number>`${cage.ref('epoch')} + case when ${cage.ref('holder')} = ${holder} then 0 else 1 end`,
      }))
      .where('id', '=', (cage) =>
        cage
          .selectFrom('cages')
          .select('id')
          .where('organisationId', '=', organisation)
          .where('clawId', '=', claw)
          .where('state', '=', 'warm')
          .orderBy(sql`case when holder = ${holder} then 0 else 1 end`)
          .orderBy('id')
          .limit(1)
          .forUpdate()
          .skipLocked(),
      )
      .returning(CAGE_COLUMNS)
      .executeTakeFirst();
  }

  /**
   * Its task's `start` is about to be sent: from now on the agent may have acted, and the task's row says so too, since this one may go before the attempt is
   * dealt with. False where it is ending, gone, or another's.
   */
  async assign(organisation: string, id: string, holder: string): Promise<boolean> {
    const assigned = await this.#db
      .with('assigned', (db) =>
        db
          .updateTable('cages')
          .where('organisationId', '=', organisation)
          .where('id', '=', id)
          .where('holder', '=', holder)
          .where('state', '=', 'creating')
          .set({ state: 'assigned' })
          .returning(['id', 'taskId', 'taskEpoch']),
      )
      .with('marked', (db) =>
        db
          .updateTable('tasks')
          .from('assigned')
          .set({ handedOver: true })
          .whereRef('tasks.id', '=', 'assigned.taskId')
          .whereRef('tasks.epoch', '=', 'assigned.taskEpoch')
          .returning('tasks.id'),
      )
      .selectFrom('assigned')
      .select('id')
      .executeTakeFirst();
    return assigned !== undefined;
  }

  /** Made, and without a task. False where it is ending, gone, or another's. */
  async ready(organisation: string, id: string, holder: string): Promise<boolean> {
    return this.#changed(
      this.#held(organisation, id, holder)
        .where('state', '=', 'creating')
        .where('taskId', 'is', null)
        .set({ state: 'warm' }),
    );
  }

  /** After its task: kept for the Claw's next one. False where the cage is ending, gone, or another's. */
  async keep(organisation: string, id: string, holder: string): Promise<boolean> {
    return this.#changed(
      this.#held(organisation, id, holder)
        .where('state', '=', 'assigned')
        .set({ state: 'warm', taskId: null, taskEpoch: null }),
    );
  }

  /** From warm to ending, whoever holds it, for it waits only; false where a task has it meanwhile. */
  async retire(organisation: string, id: string, holder: string): Promise<boolean> {
    return this.#changed(
      this.#one(organisation, id).where('state', '=', 'warm').set({ state: 'ending', holder }),
    );
  }

  /** To ending, by its holder or where it has none any more; a second time too. False where it is gone, or another's. */
  async end(organisation: string, id: string, holder: string): Promise<boolean> {
    return this.#changed(
      this.#one(organisation, id)
        .where((cage) => cage.or([cage('holder', '=', holder), isFree('cages.holder')]))
        .set({ state: 'ending', holder }),
    );
  }

  /**
   * Its link, for `holder`, with the next epoch, where it is still who held it before, and that one is gone or `holder` itself. No two callers get the same epoch;
   * `undefined` where the cage is ending, gone, or another's.
   */
  async takeOver(
    { organisation, id, holder: before }: Pick<CageRow, 'organisation' | 'id' | 'holder'>,
    holder: string,
  ): Promise<CageRow | undefined> {
    return this.#one(organisation, id)
      .where('state', '!=', 'ending')
      .where('holder', 'is not distinct from', before)
      .where((cage) => cage.or([cage('holder', '=', holder), isFree('cages.holder')]))
      .set((cage) => ({ holder, epoch: cage('epoch', '+', 1) }))
      .returning(CAGE_COLUMNS)
      .executeTakeFirst();
  }

  /** Those of the Claw that are not ending. */
  async countOf(organisation: string, claw: string): Promise<number> {
    const { count } = await this.#db
      .selectFrom('cages')
      .select((cage) => cage.fn.countAll<number>().as('count'))
      .where('organisationId', '=', organisation)
      .where('clawId', '=', claw)
      .where('state', '!=', 'ending')
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** All of an organisation: spares, those that verify a key, and those that are ending with them. */
  async countOfOrganisation(organisation: string): Promise<number> {
    const { count } = await this.#db
      .selectFrom('cages')
      .select((cage) => cage.fn.countAll<number>().as('count'))
      .where('organisationId', '=', organisation)
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** All that there are, of whatever organisation: each has a place of the engine. */
  async countAll(): Promise<number> {
    const { count } = await this.#db
      .selectFrom('cages')
      .select((cage) => cage.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** Never goes back, and is written by the newest controller only; false otherwise. */
  async setLastSeq(organisation: string, id: string, epoch: number, seq: number): Promise<boolean> {
    return this.#changed(
      this.#one(organisation, id).where('epoch', '=', epoch).where('lastSeq', '<', seq).set({ lastSeq: seq }),
    );
  }

  async delete(organisation: string, id: string): Promise<void> {
    await this.#db
      .deleteFrom('cages')
      .where('organisationId', '=', organisation)
      .where('id', '=', id)
      .execute();
  }

  /** Every envelope of the installation, to wrap it anew under another key-encryption key. */
  async allRecords(): Promise<Pick<CageRow, 'organisation' | 'id' | 'linkSecretRecord'>[]> {
    return this.#db
      .selectFrom('cages')
      .select(['organisationId as organisation', 'id', 'linkSecretRecord'])
      .orderBy('id')
      .execute();
  }

  /** A link secret never changes, so its rewrapped envelope fits at any time; a cage that is gone meanwhile needs none. */
  async replaceRecord(organisation: string, id: string, rewrapped: Buffer): Promise<void> {
    await this.#one(organisation, id).set({ linkSecretRecord: rewrapped }).execute();
  }

  async #changed(update: { executeTakeFirst(): Promise<{ numUpdatedRows: bigint }> }): Promise<boolean> {
    return (await update.executeTakeFirst()).numUpdatedRows === 1n;
  }

  #all(organisation: string) {
    return this.#db.selectFrom('cages').select(CAGE_COLUMNS).where('organisationId', '=', organisation);
  }

  #held(organisation: string, id: string, holder: string) {
    return this.#one(organisation, id).where('holder', '=', holder);
  }

  #one(organisation: string, id: string) {
    return this.#db.updateTable('cages').where('organisationId', '=', organisation).where('id', '=', id);
  }
}
