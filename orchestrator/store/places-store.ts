import { sql, type Kysely, type Transaction } from 'kysely';
import type { ClawRow } from './claws-store.ts';
import { ClawsStore } from './claws-store.ts';
import type { CageRow } from './cage-row.ts';
import { CagesStore, type NewCage } from './cages-store.ts';
import { OrganisationsStore } from './organisations-store.ts';
import type { Database } from './schema.ts';
import { TasksStore, type TaskRow } from './tasks-store.ts';

/** Why a task does not begin now. `gone`: somebody else has it, or it has ended. */
export type NoPlace =
  | { readonly reason: 'gone' }
  | { readonly reason: 'claw stopped' }
  | { readonly reason: 'concurrency'; readonly first: readonly TaskRow[] }
  | { readonly reason: 'its cage is being emptied' }
  | { readonly reason: 'its last container is not gone yet' }
  | { readonly reason: NoCage };

/** None is free: of those of the whole installation, or of those that its organisation may have at once. */
export type NoCage = 'a place for its cage' | 'a place for its cage in this organisation';

/** An attempt that nobody else can start, with the row of its cage: a warm one, or one that has yet to be made. */
export interface Place {
  readonly task: TaskRow;
  readonly claw: ClawRow;
  readonly cage: CageRow;
  readonly isNew: boolean;
}

type Prepared = Pick<NewCage, 'id' | 'linkSecretRecord'>;

/**
 * Who gets the last place: of a Claw's concurrency, of the cages that its organisation may have at once, and of those that there may be at all. Each is decided under a lock of the database, by counting rows, so that several orchestrators
 * cannot both take it. A place is a cage's row: it is free again when the row is deleted.
 */
export class PlacesStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  /** Begins the attempt that follows `task.epoch`, and gives it a cage, or does neither. `prepared` is for the cage that has to be made. */
  async takeForTask(
    task: Pick<TaskRow, 'organisation' | 'id' | 'epoch' | 'claw'>,
    { holder, maxCages, prepared }: { holder: string; maxCages: number; prepared: Prepared },
  ): Promise<Place | NoPlace> {
    const { organisation, id } = task;
    return this.#orUndone(async (trx) => {
      const [tasks, cages] = [new TasksStore(trx), new CagesStore(trx)];
      await lockClaw(trx, task.claw);
      const claw = await new ClawsStore(trx).byId(organisation, task.claw);
      if (claw?.state !== 'deployed') return { reason: 'claw stopped' };
      const free = claw.concurrency - (await tasks.countActive(organisation, claw.id));
      const first = free > 0 ? await tasks.oldestQueued(organisation, claw.id, free) : [];
      if (!first.some((other) => other.id === id)) {
        const now = await tasks.byId(organisation, id);
        return now?.state === 'queued' && now.epoch === task.epoch
          ? { reason: 'concurrency', first }
          : { reason: 'gone' };
      }
      // A row goes when its container is confirmed gone, and not before.
      if ((await cages.ofTask(organisation, id)).length > 0)
        return { reason: 'its last container is not gone yet' };
      const isWarm = (await cages.warmOf(organisation, claw.id)).length > 0;
      if (!isWarm && (await isBeingEmptied(trx, claw))) return { reason: 'its cage is being emptied' };
      const full = isWarm ? undefined : await whatIsFull(trx, organisation, maxCages);
      if (full !== undefined) return { reason: full };
      const begun = await tasks.takeEpoch(task, holder);
      if (!begun) return { reason: 'gone' };
      const warm = isWarm ? await cages.claimWarm(begun, holder) : undefined;
      if (warm) return { task: begun, claw, cage: warm, isNew: false };
      // The warm one was retired in this very moment.
      const fullNow = isWarm ? await whatIsFull(trx, organisation, maxCages) : undefined;
      if (fullNow !== undefined) throw new Undone({ reason: fullNow });
      const cage = await cages.insert({
        ...prepared,
        organisation,
        claw: claw.id,
        purpose: 'task',
        holder,
        task: id,
        taskEpoch: begun.epoch,
      });
      return { task: begun, claw, cage, isNew: true };
    });
  }

  /** For a spare of the Claw, where it has fewer than `perClaw` and there is a place; a Claw that keeps its cages needs one only where it has none at all. */
  async takeForSpare(
    claw: Pick<ClawRow, 'organisation' | 'id' | 'reuse'>,
    {
      holder,
      maxCages,
      perClaw,
      prepared,
    }: { holder: string; maxCages: number; perClaw: number; prepared: Prepared },
  ): Promise<CageRow | undefined> {
    const { organisation, id } = claw;
    return this.#db.transaction().execute(async (trx) => {
      const cages = new CagesStore(trx);
      await lockClaw(trx, id);
      const present = claw.reuse === 'claw' ? await cages.countOf(organisation, id) : await spares(trx, id);
      if (present >= perClaw || (await whatIsFull(trx, organisation, maxCages))) return undefined;
      return cages.insert({ ...prepared, organisation, claw: id, purpose: 'task', holder });
    });
  }

  async #orUndone(work: (trx: Transaction<Database>) => Promise<Place | NoPlace>): Promise<Place | NoPlace> {
    try {
      return await this.#db.transaction().execute(work);
    } catch (error) {
      if (error instanceof Undone) return error.answer;
      throw error;
    }
  }
}

/** What was written is taken back. */
class Undone extends Error {
  readonly answer: NoPlace;

  constructor(answer: NoPlace) {
    super('undone');
    this.answer = answer;
  }
}

/** Until the transaction ends; a lock of its own, so that who puts tasks in does not wait for who takes them out. */
async function lockClaw(trx: Transaction<Database>, claw: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`clawcage claw ${claw}`}, 0))`.execute(trx);
}

/** `undefined` where there is a place. One lock for both counts, always taken after that of a Claw, so that a change of the organisation's own number is seen by the next who asks. */
async function whatIsFull(
  trx: Transaction<Database>,
  organisation: string,
  maxCages: number,
): Promise<NoCage | undefined> {
  await sql`select pg_advisory_xact_lock(hashtextextended('clawcage places', 0))`.execute(trx);
  const cages = new CagesStore(trx);
  if ((await cages.countAll()) >= maxCages) return 'a place for its cage';
  const own = (await new OrganisationsStore(trx).byId(organisation))?.maxCages ?? null;
  if (own === null || (await cages.countOfOrganisation(organisation)) < own) return undefined;
  return 'a place for its cage in this organisation';
}

async function spares(trx: Transaction<Database>, claw: string): Promise<number> {
  const { count } = await trx
    .selectFrom('cages')
    .select((cage) => cage.fn.countAll<number>().as('count'))
    .where('clawId', '=', claw)
    .where('taskId', 'is', null)
    .where('state', 'in', ['creating', 'warm'])
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Whether a cage that the Claw keeps will be there again in a moment: its task has ended, and it has not. */
async function isBeingEmptied(
  trx: Transaction<Database>,
  { organisation, id, reuse, concurrency }: ClawRow,
): Promise<boolean> {
  if (reuse !== 'claw') return false;
  if ((await new CagesStore(trx).countOf(organisation, id)) < concurrency) return false;
  const row = await trx
    .selectFrom('cages')
    .innerJoin('tasks', 'tasks.id', 'cages.taskId')
    .select('cages.id')
    .where('cages.clawId', '=', id)
    .where('cages.state', '=', 'assigned')
    .where('tasks.endedAt', 'is not', null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
