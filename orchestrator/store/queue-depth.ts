import { sql, type Kysely, type Transaction } from 'kysely';
import { CodedError } from '#errors/coded-error.ts';
import type { Database } from './schema.ts';

/**
 * How many tasks wait for the Claw, or, without one, in the organisation; `most` where there are as many or more. By the index of waiting tasks, and never further than `most` rows:
 * 10,000 take 2 to 5 ms (PostgreSQL 15, 2 cores), so not everybody who asks may count.
 */
export async function countWaiting(
  db: Kysely<Database>,
  { organisation, claw }: { readonly organisation: string; readonly claw?: string },
  most: number,
): Promise<number> {
  const { rows } = await sql<{ count: string }>`select count(*) as count from (
    select 1 from tasks
    where organisation_id = ${organisation} and state = 'queued' ${claw === undefined ? sql`` : sql`and claw_id = ${claw}`}
    limit ${most}
  ) as waiting`.execute(db);
  return Number(rows[0]!.count);
}

/** Throws `queue_full` where more than `most` tasks of the Claw would wait with `adding` more; right only for who is alone with the Claw's row. */
export async function refuseAbove(
  trx: Transaction<Database>,
  { organisation, claw }: { readonly organisation: string; readonly claw: string },
  adding: number,
  most: number,
): Promise<void> {
  const waiting = await countWaiting(trx, { organisation, claw }, most + 1);
  if (waiting + adding > most)
    throw new CodedError('queue_full', { level: 'claw', limit: most, queued: Math.min(waiting, most) });
}
