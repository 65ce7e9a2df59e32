import { CamelCasePlugin, Kysely, PostgresDialect, type Dialect } from 'kysely';
import type { Log } from '../log.ts';
import { codedStoreError, withCodedErrors } from './coded-driver.ts';
import { lackOfRoom, ROOM_TO_OPEN } from '../home/disk-room.ts';
import { LivingPGlite } from './living-pglite.ts';
import { StoreLock } from './lock.ts';
import { corrupt, openPGlite, storeFolder } from './open-pglite.ts';
import { openPool } from './open-postgres.ts';
import { pgliteDialect } from './pglite-dialect.ts';
import type { Database } from './schema.ts';

export interface StoreOptions {
  readonly home: string;
  /** `postgres://…`; without it PGlite under `<home>/store`. */
  readonly databaseUrl?: string;
  /** That of the home, where the caller has taken it already and lets it go after this. */
  readonly lock?: StoreLock;
  readonly log: Pick<Log, 'warn'>;
}

/**
 * The database, whatever its tables are. What it opens is closed by `undo`, not by Kysely: a query that comes after is then `store_unavailable` like any other. Throws
 * `store_unavailable`, and for PGlite `store_locked` with the other process's `pid`, `store_corrupt`, `store_full`.
 */
export async function openDatabase(
  undo: AsyncDisposableStack,
  options: StoreOptions,
): Promise<Kysely<Database>> {
  return new Kysely<Database>({
    dialect: withCodedErrors(await openDialect(undo, options)),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  });
}

async function openDialect(
  undo: AsyncDisposableStack,
  { home, databaseUrl, lock, log }: StoreOptions,
): Promise<Dialect> {
  if (databaseUrl !== undefined) {
    const pool = openPool(databaseUrl, log);
    undo.defer(() => pool.end());
    return new PostgresDialect({ pool });
  }
  if (lock === undefined) undo.use(StoreLock.take(home));
  const open = () => openPGlite(home);
  try {
    const living = new LivingPGlite(await open(), {
      open,
      whyNot: () => lackOfRoom(home, ROOM_TO_OPEN),
      log,
    });
    undo.defer(() => living.close());
    return pgliteDialect(living);
  } catch (error) {
    throw corrupt(storeFolder(home), 'it does not open', codedStoreError(error));
  }
}
