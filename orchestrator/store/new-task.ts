import type { Insertable, Kysely, Transaction } from 'kysely';
import { CodedError } from '#errors/coded-error.ts';
import { refuseAbove } from './queue-depth.ts';
import type { Database } from './schema.ts';
import { TASK_COLUMNS, type TaskRow } from './task-row.ts';

export interface NewTask {
  /** Of `newId`: the input is sealed for it before the row exists. */
  readonly id: string;
  readonly organisation: string;
  readonly claw: string;
  readonly sealedInput: Buffer;
  readonly timeoutMs: number;
  readonly idempotencyKey?: string;
  /** Of the body; compared where the key was used before. */
  readonly idempotencyHash?: string;
  readonly priority?: number;
  readonly notBefore?: Date | null;
  readonly deadline?: Date | null;
  readonly webhook?: string | null;
  /** The batch that it came with, and the caller's name for it there. */
  readonly batch?: string;
  readonly ref?: string | null;
}

type Keyed = Pick<NewTask, 'claw' | 'idempotencyKey' | 'idempotencyHash'>;
type KeyedRow = TaskRow & { readonly idempotencyHash: string | null };

/** How long an Idempotency-Key is remembered. */
export const IDEMPOTENCY_MS = 24 * 3600_000;

/**
 * Inserts a task, or finds the one that the same Idempotency-Key made for the same Claw within 24 h. The unique index decides between
 * callers at once: exactly one creates. With `most` no more than so many of the Claw's tasks wait after it. Throws `idempotency_mismatch`, `not_found`, `claw_deleted`, `queue_full`.
 */
export async function createTask(
  db: Kysely<Database>,
  task: NewTask,
  now: Date,
  most?: number,
): Promise<{ task: TaskRow; created: boolean }> {
  return db.transaction().execute(async (trx) => {
    await holdClaw(trx, task, most === undefined ? 'share' : 'alone');
    for (;;) {
      const inserted = await insert(trx, task, now);
      if (inserted !== undefined) {
        if (most !== undefined) await refuseAbove(trx, task, 0, most);
        return { task: inserted, created: true };
      }
      const earlier = await ofSameKey(trx, task);
      if (earlier === undefined) continue;
      if (!isForgotten(earlier, now)) return { task: ofSameBody(earlier, task), created: false };
      await forgetKey(trx, earlier.id);
    }
  });
}

/** The task that the same Idempotency-Key made for the same Claw within 24 h, for a caller that need not prepare one then. `idempotency_mismatch`. */
export async function earlierTask(
  db: Kysely<Database>,
  task: Keyed,
  now: Date,
): Promise<TaskRow | undefined> {
  if (task.idempotencyKey === undefined) return undefined;
  const earlier = await ofSameKey(db, task);
  return earlier && !isForgotten(earlier, now) ? ofSameBody(earlier, task) : undefined;
}

/**
 * Until the row is committed nobody deletes the Claw; once it is deleted nobody gets a row in. Who is alone with it sees every task that was accepted before, and none is accepted
 * beside it.
 */
export async function holdClaw(
  trx: Transaction<Database>,
  { organisation, claw }: Pick<NewTask, 'organisation' | 'claw'>,
  how: 'share' | 'alone' = 'share',
): Promise<void> {
  const row = await trx
    .selectFrom('claws')
    .select('deletedAt')
    .where('organisationId', '=', organisation)
    .where('id', '=', claw)
    .$call((claws) => (how === 'alone' ? claws.forNoKeyUpdate() : claws.forShare()))
    .executeTakeFirst();
  if (row === undefined) throw new CodedError('not_found', { claw });
  if (row.deletedAt !== null) throw new CodedError('claw_deleted', { claw });
}

/** The row of a task that waits. */
export function rowOf(task: NewTask, now: Date): Insertable<Database['tasks']> {
  const notBefore = task.notBefore ?? null;
  return {
    id: task.id,
    organisationId: task.organisation,
    clawId: task.claw,
    sealedInput: task.sealedInput,
    timeoutMs: task.timeoutMs,
    priority: task.priority ?? 0,
    notBefore,
    waiting: notBefore === null ? null : `not before ${notBefore.toISOString()}`,
    deadline: task.deadline ?? null,
    webhook: task.webhook ?? null,
    batchId: task.batch ?? null,
    ref: task.ref ?? null,
    idempotencyKey: task.idempotencyKey ?? null,
    idempotencyHash: task.idempotencyHash ?? null,
    createdAt: now,
  };
}

async function insert(trx: Transaction<Database>, task: NewTask, now: Date): Promise<TaskRow | undefined> {
  return trx
    .insertInto('tasks')
    .values(rowOf(task, now))
    .onConflict((conflict) =>
      conflict.columns(['clawId', 'idempotencyKey']).where('idempotencyKey', 'is not', null).doNothing(),
    )
    .returning(TASK_COLUMNS)
    .executeTakeFirst();
}

const isForgotten = ({ createdAt }: TaskRow, now: Date): boolean =>
  now.getTime() - createdAt.getTime() >= IDEMPOTENCY_MS;

function ofSameBody({ idempotencyHash, ...row }: KeyedRow, task: Keyed): TaskRow {
  if (idempotencyHash === (task.idempotencyHash ?? null)) return row;
  throw new CodedError('idempotency_mismatch', { task: row.id });
}

async function ofSameKey(
  db: Kysely<Database>,
  { claw, idempotencyKey }: Keyed,
): Promise<KeyedRow | undefined> {
  return db
    .selectFrom('tasks')
    .select([...TASK_COLUMNS, 'idempotencyHash'])
    .where('clawId', '=', claw)
    .where('idempotencyKey', '=', idempotencyKey ?? null)
    .executeTakeFirst();
}

async function forgetKey(trx: Transaction<Database>, id: string): Promise<void> {
  await trx
    .updateTable('tasks')
    .set({ idempotencyKey: null, idempotencyHash: null })
    .where('id', '=', id)
    .execute();
}
