import { sql, type Kysely } from 'kysely';
import type { Database } from './schema.ts';

/** A sealed piece of a file that an attempt left in /work/out. */
export interface FilePiece {
  readonly organisation: string;
  readonly task: string;
  readonly epoch: number;
  /** Relative to /work/out. */
  readonly path: string;
  /** From 0. */
  readonly piece: number;
  readonly last: boolean;
  /** In the clear. */
  readonly bytes: number;
  readonly sealed: Buffer;
}

export interface StoredFile {
  readonly path: string;
  readonly bytes: number;
  readonly pieces: number;
  /** Its last piece is here, and every one before it. */
  readonly complete: boolean;
}

/** Files that tasks left, in sealed pieces; a piece belongs to the attempt that wrote it. */
export class TaskFilesStore {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  /** False where that piece is there already: then nothing changes. */
  async add({ organisation, task, ...piece }: FilePiece): Promise<boolean> {
    const { numInsertedOrUpdatedRows } = await this.#db
      .insertInto('taskFiles')
      .values({ ...piece, organisationId: organisation, taskId: task })
      .onConflict((conflict) => conflict.columns(['taskId', 'epoch', 'path', 'piece']).doNothing())
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  }

  /** What the attempt left, by path. */
  async ofAttempt(organisation: string, task: string, epoch: number): Promise<StoredFile[]> {
    return this.#db
      .selectFrom('taskFiles')
      .select(({ ref }) => [
        'path',
        sql<number>`sum(${ref('bytes')})::bigint`.as('bytes'),
        sql<number>`count(*)::bigint`.as('pieces'),
        sql<boolean>`bool_or(${ref('last')}) and max(${ref('piece')}) + 1 = count(*)`.as('complete'),
      ])
      .where('organisationId', '=', organisation)
      .where('taskId', '=', task)
      .where('epoch', '=', epoch)
      .groupBy('path')
      .orderBy(sql`path collate "C"`)
      .execute();
  }

  async piece(
    organisation: string,
    { task, epoch, path, piece }: Pick<FilePiece, 'task' | 'epoch' | 'path' | 'piece'>,
  ): Promise<Pick<FilePiece, 'last' | 'sealed'> | undefined> {
    return this.#db
      .selectFrom('taskFiles')
      .select(['last', 'sealed'])
      .where('organisationId', '=', organisation)
      .where('taskId', '=', task)
      .where('epoch', '=', epoch)
      .where('path', '=', path)
      .where('piece', '=', piece)
      .executeTakeFirst();
  }

  /** Of every attempt, or of all but one. */
  async delete(organisation: string, task: string, { except }: { except?: number } = {}): Promise<void> {
    await this.#db
      .deleteFrom('taskFiles')
      .where('organisationId', '=', organisation)
      .where('taskId', '=', task)
      .$if(except !== undefined, (files) => files.where('epoch', '!=', except!))
      .execute();
  }

  /** Of tasks of whatever organisation that hold nothing any more. */
  async deleteOf(tasks: readonly string[]): Promise<void> {
    if (tasks.length > 0) await this.#db.deleteFrom('taskFiles').where('taskId', 'in', tasks).execute();
  }
}
