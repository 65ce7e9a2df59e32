import { CamelCasePlugin, Kysely, PostgresDialect, sql, type Dialect } from 'kysely';
import { CodedError } from '#errors/coded-error.ts';
import type { Log } from '../log.ts';
import { BatchesStore } from './batches-store.ts';
import { CagesStore } from './cages-store.ts';
import { ClawsStore } from './claws-store.ts';
import { codedStoreError, withCodedErrors } from './coded-driver.ts';
import { DeliveriesStore } from './deliveries-store.ts';
import { KeysStore } from './keys-store.ts';
import { LedgerStore } from './ledger-store.ts';
import { StoreLock } from './lock.ts';
import { migrate } from './migrate.ts';
import { openPGlite } from './open-pglite.ts';
import { openPool } from './open-postgres.ts';
import { OrchestratorsStore } from './orchestrators-store.ts';
import { OrganisationsStore } from './organisations-store.ts';
import { pgliteDialect } from './pglite-dialect.ts';
import type { Database } from './schema.ts';
import { SettingsStore } from './settings-store.ts';
import { TaskFilesStore } from './task-files-store.ts';
import { TasksStore } from './tasks-store.ts';

/** The rows that are the truth. A database that does not answer is `store_unavailable`, from every method. */
export interface Store {
  readonly organisations: OrganisationsStore;
  readonly keys: KeysStore;
  readonly claws: ClawsStore;
  readonly tasks: TasksStore;
  readonly taskFiles: TaskFilesStore;
  readonly cages: CagesStore;
  readonly ledger: LedgerStore;
  readonly batches: BatchesStore;
  readonly deliveries: DeliveriesStore;
  readonly settings: SettingsStore;
  readonly orchestrators: OrchestratorsStore;
  /** Throws `store_unavailable` where the database does not answer before the signal. */
  ping(signal?: AbortSignal): Promise<void>;
  /** The clock of the database. */
  now(): Promise<Date>;
  close(): Promise<void>;
}

export interface StoreOptions {
  readonly home: string;
  /** `postgres://…`; without it PGlite under `<home>/store`. */
  readonly databaseUrl?: string;
  readonly log: Pick<Log, 'warn'>;
}

/** Opens the store with its tables up to date. Throws `store_unavailable`, and for PGlite `store_locked` with the other process's `pid`. */
export async function openStore({ home, databaseUrl, log }: StoreOptions): Promise<Store> {
  await using undo = new AsyncDisposableStack();
  const dialect = await openDialect(undo, { home, log, ...(databaseUrl !== undefined && { databaseUrl }) });
  const db = new Kysely<Database>({
    dialect: withCodedErrors(dialect),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  });
  await migrate(db);
  const opened = undo.move();
  return {
    organisations: new OrganisationsStore(db),
    keys: new KeysStore(db),
    claws: new ClawsStore(db),
    tasks: new TasksStore(db),
    taskFiles: new TaskFilesStore(db),
    cages: new CagesStore(db),
    ledger: new LedgerStore(db),
    batches: new BatchesStore(db),
    deliveries: new DeliveriesStore(db),
    settings: new SettingsStore(db),
    orchestrators: new OrchestratorsStore(db),
    ping: (signal) => ping(db, signal),
    now: async () => {
      const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
      return new Date(rows[0]!.now);
    },
    close: () => opened.disposeAsync(),
  };
}

/** What it opens is closed by `undo`, not by Kysely: a query that comes after is then `store_unavailable` like any other. */
async function openDialect(
  undo: AsyncDisposableStack,
  { home, databaseUrl, log }: StoreOptions,
): Promise<Dialect> {
  if (databaseUrl !== undefined) {
    const pool = openPool(databaseUrl, log);
    undo.defer(() => pool.end());
    return new PostgresDialect({ pool });
  }
  undo.use(StoreLock.take(home));
  try {
    const db = await openPGlite(home);
    undo.defer(() => db.close());
    return pgliteDialect(db);
  } catch (error) {
    throw new CodedError(
      'store_unavailable',
      { reason: 'the database under CLAWCAGE_HOME does not open' },
      { cause: codedStoreError(error) },
    );
  }
}

async function ping(db: Kysely<Database>, signal?: AbortSignal): Promise<void> {
  const answer = sql`select 1`.execute(db);
  if (signal === undefined) return void (await answer);
  answer.catch(() => undefined);
  const late = Promise.withResolvers<never>();
  const onAbort = (): void =>
    late.reject(new CodedError('store_unavailable', { reason: 'no answer in time' }));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await Promise.race([answer, late.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
