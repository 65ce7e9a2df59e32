import type { Kysely } from 'kysely';
import { newId } from './ids.ts';
import type { Database } from './schema.ts';

export type CageState = 'creating' | 'warm' | 'assigned' | 'ending';

export interface CageRow {
  readonly id: string;
  readonly organisation: string;
  /** The Claw's id; null for the short cage that verifies a key. */
  readonly claw: string | null;
  readonly purpose: 'task' | 'verify';
  readonly state: CageState;
  readonly task: string | null;
  readonly taskEpoch: number | null;
  /** The envelope of the link's secret. */
  readonly linkSecretRecord: Buffer;
  /** The controller's: who took the newest is obeyed. */
  readonly epoch: number;
  /** The last message of the cage that was handled. */
  readonly lastSeq: number;
  readonly createdAt: Date;
}

const COLUMNS = [
  'id',
  'organisationId as organisation',
  'clawId as claw',
  'purpose',
  'state',
  'taskId as task',
  'taskEpoch',
  'linkSecretRecord',
  'epoch',
  'lastSeq',
  'createdAt',
] as const;

/**
 * Cages: `creating → warm → assigned`, or straight to `assigned`; back to `warm` where a Claw keeps its cage; from anywhere to `ending`, from where there
 * is no way back.
 */
export class CagesStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  newId(): string {
    return newId('cage');
  }

  /** Before its container is made, so that no container is without a row. */
  async insert({
    organisation,
    claw,
    ...cage
  }: Pick<CageRow, 'id' | 'organisation' | 'claw' | 'purpose' | 'linkSecretRecord'>): Promise<CageRow> {
    return this.#db
      .insertInto('cages')
      .values({ ...cage, organisationId: organisation, clawId: claw, createdAt: new Date() })
      .returning(COLUMNS)
      .executeTakeFirstOrThrow();
  }

  async byId(organisation: string, id: string): Promise<CageRow | undefined> {
    return this.#all(organisation).where('id', '=', id).executeTakeFirst();
  }

  /** Oldest first. */
  async list(organisation: string): Promise<CageRow[]> {
    return this.#all(organisation).orderBy('id').execute();
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

  /** The Claw's oldest warm cage, assigned to the task; of several callers each gets another, or none. */
  async claimWarm(organisation: string, claw: string, task: string): Promise<CageRow | undefined> {
    return this.#db
      .updateTable('cages')
      .set({ state: 'assigned', taskId: task })
      .where('id', '=', (cage) =>
        cage
          .selectFrom('cages')
          .select('id')
          .where('organisationId', '=', organisation)
          .where('clawId', '=', claw)
          .where('state', '=', 'warm')
          .orderBy('id')
          .limit(1)
          .forUpdate()
          .skipLocked(),
      )
      .returning(COLUMNS)
      .executeTakeFirst();
  }

  /** Says for which attempt the cage is; false where it is ending or gone. */
  async assign(organisation: string, id: string, task: string, taskEpoch: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#one(organisation, id)
      .where('state', '!=', 'ending')
      .set({ state: 'assigned', taskId: task, taskEpoch })
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** False where the cage is gone, or `ending` and meant to be something else. */
  async setState(organisation: string, id: string, state: CageState): Promise<boolean> {
    const { numUpdatedRows } = await this.#one(organisation, id)
      .where((cage) => cage.or([cage('state', '!=', 'ending'), cage.val(state === 'ending')]))
      .set({ state })
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** After its task: kept for the Claw's next one. False where the cage is ending or gone. */
  async keep(organisation: string, id: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#one(organisation, id)
      .where('state', '=', 'assigned')
      .set({ state: 'warm', taskId: null, taskEpoch: null })
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** From warm to ending; false where a task has it meanwhile. */
  async retire(organisation: string, id: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#one(organisation, id)
      .where('state', '=', 'warm')
      .set({ state: 'ending' })
      .executeTakeFirst();
    return numUpdatedRows === 1n;
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

  /** The controller's next epoch: no two callers get the same. `undefined` where the cage is gone. */
  async takeEpoch(organisation: string, id: string): Promise<number | undefined> {
    const row = await this.#one(organisation, id)
      .set((cage) => ({ epoch: cage('epoch', '+', 1) }))
      .returning('epoch')
      .executeTakeFirst();
    return row?.epoch;
  }

  /** Never goes back, and is written by the newest controller only; false otherwise. */
  async setLastSeq(organisation: string, id: string, epoch: number, seq: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#one(organisation, id)
      .where('epoch', '=', epoch)
      .where('lastSeq', '<', seq)
      .set({ lastSeq: seq })
      .executeTakeFirst();
    return numUpdatedRows === 1n;
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

  #all(organisation: string) {
    return this.#db.selectFrom('cages').select(COLUMNS).where('organisationId', '=', organisation);
  }

  #one(organisation: string, id: string) {
    return this.#db.updateTable('cages').where('organisationId', '=', organisation).where('id', '=', id);
  }
}
