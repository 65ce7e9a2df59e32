import { sql, type Kysely } from 'kysely';
import { CodedError } from '#errors/coded-error.ts';
import { BatchesStore } from './batches-store.ts';
import { CagesStore } from './cages-store.ts';
import { ClawsStore } from './claws-store.ts';
import { checkTables } from './check-tables.ts';
import { DeliveriesStore } from './deliveries-store.ts';
import { assertRoom, ROOM_TO_ACCEPT } from '../home/disk-room.ts';
import { dumpTables, type DumpSink } from './dump.ts';
import { KeysStore } from './keys-store.ts';
import { LedgerStore } from './ledger-store.ts';
import { LeftoversStore } from './leftovers-store.ts';
import { migrate } from './migrate.ts';
import { openDatabase, type StoreOptions } from './open-database.ts';
import { OrchestratorsStore } from './orchestrators-store.ts';
import { OrganisationsStore } from './organisations-store.ts';
import { PlacesStore } from './places-store.ts';
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
  readonly places: PlacesStore;
  readonly ledger: LedgerStore;
  readonly batches: BatchesStore;
  readonly deliveries: DeliveriesStore;
  readonly settings: SettingsStore;
  readonly orchestrators: OrchestratorsStore;
  readonly leftovers: LeftoversStore;
  /** Throws `store_unavailable` where the database does not answer before the signal. */
  ping(signal?: AbortSignal): Promise<void>;
  /** Throws `store_full` where nothing new should be taken any more, so that what was accepted can still be brought to its end. A PostgreSQL says so itself. */
  assertRoom(): Promise<void>;
  /** Every row that a backup holds, as of one moment. */
  dump(sink: DumpSink): Promise<void>;
  /** The clock of the database. */
  now(): Promise<Date>;
  close(): Promise<void>;
}

/**
 * Opens the store with its tables up to date. Throws `store_unavailable`, `store_newer`, and for PGlite `store_locked` with the other process's `pid`, `store_corrupt`,
 * `store_full`.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  await using undo = new AsyncDisposableStack();
  const db = await openDatabase(undo, options);
  const { home, databaseUrl } = options;
  // PostgreSQL looks after its own files.
  if (databaseUrl === undefined) await checkTables(db);
  await migrate(db);
  const opened = undo.move();
  return {
    organisations: new OrganisationsStore(db),
    keys: new KeysStore(db),
    claws: new ClawsStore(db),
    tasks: new TasksStore(db),
    taskFiles: new TaskFilesStore(db),
    cages: new CagesStore(db),
    places: new PlacesStore(db),
    ledger: new LedgerStore(db),
    batches: new BatchesStore(db),
    deliveries: new DeliveriesStore(db),
    settings: new SettingsStore(db),
    orchestrators: new OrchestratorsStore(db),
    leftovers: new LeftoversStore(db),
    ping: (signal) => ping(db, signal),
    assertRoom: async () => {
      if (databaseUrl === undefined) assertRoom(home, ROOM_TO_ACCEPT);
    },
    dump: (sink) => dumpTables(db, sink),
    now: async () => {
      const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(db);
      return new Date(rows[0]!.now);
    },
    close: () => opened.disposeAsync(),
  };
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
