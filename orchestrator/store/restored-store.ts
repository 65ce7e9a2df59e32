import { sql, type Kysely } from 'kysely';
import { CodedError } from '#errors/coded-error.ts';
import { DUMPED } from './dump.ts';
import { MIGRATIONS, migrate } from './migrate.ts';
import { openDatabase, type StoreOptions } from './open-database.ts';
import type { Database } from './schema.ts';
import { LIMITER_RUN_ID, SettingsStore } from './settings-store.ts';

export interface Loading {
  /** `rows` as `DumpSink` gave them. */
  load(table: string, columns: readonly string[], rows: readonly string[]): Promise<void>;
}

export interface Loaded {
  /** Tasks that had not ended: what they were to do cannot be known any more. */
  readonly lostTasks: number;
  /** Webhooks that were not sent yet, and are not to be sent from here. */
  readonly droppedDeliveries: number;
  /** Each active key's record, to be held against the key-encryption keys that are here. */
  readonly keys: readonly { readonly name: string; readonly record: Buffer }[];
}

/**
 * Fills an empty database with a dump: all of it, or none. Its tables are made as they were when the dump was made, and brought up to date after. `carriesOn` says that this
 * takes the place of the installation that the dump is of: then its webhooks are sent from here. Throws `restore_not_empty`, `backup_newer`.
 */
export async function fillStore(
  options: StoreOptions & { readonly migrations: readonly string[]; readonly carriesOn: boolean },
  read: (loading: Loading) => Promise<void>,
): Promise<Loaded> {
  const unknown = options.migrations.filter((name) => !(name in MIGRATIONS));
  if (unknown.length > 0) throw new CodedError('backup_newer', { migrations: unknown });
  await using undo = new AsyncDisposableStack();
  const db = await openDatabase(undo, options);
  await assertEmpty(db);
  const known = Object.entries(MIGRATIONS).filter(([name]) => options.migrations.includes(name));
  await migrate(db, { migrations: Object.fromEntries(known) });
  const loaded = await db.transaction().execute(async (trx) => {
    await assertEmpty(trx);
    await read({ load: (table, columns, rows) => load(trx, table, columns, rows) });
    return settle(trx, options.carriesOn);
  });
  await migrate(db);
  return loaded;
}

async function assertEmpty(db: Kysely<Database>): Promise<void> {
  const { rows } = await sql<{ there: boolean }>`
    select to_regclass('public.organisations') is not null as there`.execute(db);
  if (rows[0]?.there !== true) return;
  const some = await db.selectFrom('organisations').select('id').limit(1).executeTakeFirst();
  if (some !== undefined) throw new CodedError('restore_not_empty', { what: 'the database' });
}

async function load(
  db: Kysely<Database>,
  table: string,
  columns: readonly string[],
  rows: readonly string[],
): Promise<void> {
  const name = DUMPED.find((known) => known === table);
  if (name === undefined || columns.some((column) => !/^[a-z_0-9]+$/.test(column)))
    throw new CodedError('backup_damaged', { table });
  const target = sql.raw(`public."${name}"`);
  const list = sql.raw(columns.map((column) => `"${column}"`).join(', '));
  await sql`
    insert into ${target} (${list})
    select ${list} from jsonb_populate_recordset(null::${target}, ${`[${rows.join(',')}]`}::text::jsonb)`.execute(
    db,
  );
}

/** What cannot be true any more in the place where it was restored. */
async function settle(db: Kysely<Database>, carriesOn: boolean): Promise<Loaded> {
  const error = new CodedError('task_content_lost').toBody();
  const lost = await db
    .updateTable('tasks')
    .where('endedAt', 'is', null)
    .set({
      state: 'failed',
      waiting: null,
      endedAt: new Date(),
      error: sql`${JSON.stringify(error)}::text::jsonb`,
      ...(!carriesOn && { webhook: null }),
    })
    .executeTakeFirst();
  const dropped = carriesOn
    ? undefined
    : await db
        .updateTable('deliveries')
        .where('state', '=', 'waiting')
        .set({ state: 'failed', lastError: 'restored_elsewhere', nextAt: null })
        .executeTakeFirst();
  // Another Redis than any before: what it may have forgotten is waited for.
  await new SettingsStore(db).set(LIMITER_RUN_ID, 'restored');
  const keys = await db
    .selectFrom('keys')
    .select(['name', 'record'])
    .where('record', 'is not', null)
    .orderBy('id')
    .$narrowType<{ record: Buffer }>()
    .execute();
  return {
    lostTasks: Number(lost.numUpdatedRows),
    droppedDeliveries: Number(dropped?.numUpdatedRows ?? 0n),
    keys,
  };
}
