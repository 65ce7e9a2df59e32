import { Migrator, type Kysely } from 'kysely';
import type { Database } from './schema.ts';
import { first } from './migrations/0001-first.ts';
import { wholeWay } from './migrations/0002-whole-way.ts';
import { leases } from './migrations/0003-leases.ts';

/** In order of their names. One that was released is never changed: what comes later is a new one. */
const MIGRATIONS = { '0001-first': first, '0002-whole-way': wholeWay, '0003-leases': leases };

/** Brings the tables up to date, in one transaction and under a lock: of several processes that start at once one does it. */
export async function migrate(db: Kysely<Database>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
