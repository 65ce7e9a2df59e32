import { Migrator, sql, type Kysely, type Migration } from 'kysely';
import { CodedError } from '#errors/coded-error.ts';
import { version } from '../version.ts';
import { worksWith } from './migration-names.ts';
import type { Database } from './schema.ts';
import { first } from './migrations/0001-first.ts';
import { wholeWay } from './migrations/0002-whole-way.ts';
import { leases } from './migrations/0003-leases.ts';
import { limits } from './migrations/0004-limits.ts';

/** In order of their names. One that was released is never changed: what comes later is a new one. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-first': first,
  '0002-whole-way': wholeWay,
  '0003-leases': leases,
  '0004-limits': limits,
};

/** What a later release did here is done. */
const DONE: Migration = { up: async () => undefined };

/**
 * Brings the tables up to date, in one transaction and under a lock: of several processes that start at once one does it. Migrations of a later release are left
 * as they are: releases run side by side while one follows the other. Throws `store_newer` where one of them took away what this release uses.
 */
export async function migrate(
  db: Kysely<Database>,
  { migrations = MIGRATIONS, release = version() } = {},
): Promise<void> {
  for (;;) {
    const foreign = (await executed(db)).filter((name) => !(name in migrations));
    const inTheWay = foreign.filter((name) => !worksWith(release, name));
    if (inTheWay.length > 0) throw new CodedError('store_newer', { release, migrations: inTheWay });
    const all = { ...migrations, ...Object.fromEntries(foreign.map((name) => [name, DONE])) };
    const migrator = new Migrator({
      db,
      provider: { getMigrations: async () => all },
      // Two releases may each have brought one of their own.
      allowUnorderedMigrations: true,
    });
    const { error } = await migrator.migrateToLatest();
    if (error === undefined) return;
    const more = (await executed(db)).some((name) => !(name in all));
    // Another release was at it at the same time.
    if (!more) throw error;
  }
}

/** The names of those that were done here, by whatever release. */
async function executed(db: Kysely<Database>): Promise<string[]> {
  const { rows: found } = await sql<{ there: boolean }>`
    select to_regclass('kysely_migration') is not null as there`.execute(db);
  if (found[0]?.there !== true) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map(({ name }) => name);
}
