import { sql, type Kysely } from 'kysely';
import type { Database } from './schema.ts';

/** What a backup holds, in an order in which each table refers only to those before it. */
export const DUMPED = [
  'organisations',
  'keys',
  'claws',
  'batches',
  'tasks',
  'deliveries',
  'ledger',
  'settings',
] as const;

/** What it leaves out: what is true of this moment and these machines only, and what is sealed under keys that no backup holds. */
export const LEFT_OUT = ['cages', 'orchestrators', 'task_files'] as const;

const COLUMNS_LEFT_OUT: Readonly<Record<string, readonly string[]>> = {
  tasks: ['sealed_input', 'sealed_result', 'result_expires_at', 'holder'],
};

/** A Claw may have a megabyte. */
const ROWS_AT_ONCE = 100;

export interface DumpSink {
  /** Once, first: the migrations that made these tables, in order. */
  begin(migrations: readonly string[]): Promise<void>;
  table(name: string, columns: readonly string[]): Promise<void>;
  /** Of the table that was named last; each row as one JSON object by the names of the columns. */
  rows(rows: readonly string[]): Promise<void>;
}

/**
 * Reads all that a backup holds in one snapshot, the same from either database: bytes as `\x…`, times as ISO 8601, as PostgreSQL's own JSON has them. On PGlite,
 * which has one connection, everybody else waits until `sink` has taken it all.
 */
export async function dumpTables(db: Kysely<Database>, sink: DumpSink): Promise<void> {
  const snapshot = db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only');
  await snapshot.execute(async (trx) => {
    const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(
      trx,
    );
    await sink.begin(rows.map(({ name }) => name));
    for (const table of DUMPED) {
      const columns = await columnsOf(trx, table);
      await sink.table(table, columns.all);
      let last: string | null = null;
      do {
        const page: Page = await readPage(trx, table, columns, last);
        if (page.rows.length > 0) await sink.rows(page.rows);
        last = page.last;
      } while (last !== null);
    }
  });
}

interface Columns {
  readonly all: readonly string[];
  /** Of text, alone, in every table of these. */
  readonly key: string;
}

interface Page {
  readonly rows: string[];
  /** Where to go on; null where there is no more. */
  readonly last: string | null;
}

async function columnsOf(db: Kysely<Database>, table: string): Promise<Columns> {
  const { rows } = await sql<{ name: string; isKey: boolean }>`
    select a.attname::text as name, coalesce(a.attnum = any (i.indkey), false) as is_key
    from pg_attribute a
    left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
    where a.attrelid = ${`public.${table}`}::regclass and a.attnum > 0 and not a.attisdropped
    order by a.attnum`.execute(db);
  const all = rows.map(({ name }) => name).filter((name) => !COLUMNS_LEFT_OUT[table]?.includes(name));
  return { all, key: rows.find(({ isKey }) => isKey)!.name };
}

async function readPage(
  db: Kysely<Database>,
  table: string,
  { all, key }: Columns,
  after: string | null,
): Promise<Page> {
  const keyRef = sql.raw(`"${key}"`);
  const list = sql.raw(all.map((name) => `"${name}"`).join(', '));
  const { rows } = await sql<{ json: string; at: string }>`
    select row_to_json(page)::text as json, page.${keyRef} as at
    from (
      select ${list} from ${sql.raw(`public."${table}"`)}
      where ${after}::text is null or ${keyRef} > ${after}::text
      order by ${keyRef} limit ${ROWS_AT_ONCE}
    ) as page`.execute(db);
  return {
    rows: rows.map(({ json }) => json),
    last: rows.length < ROWS_AT_ONCE ? null : rows.at(-1)!.at,
  };
}
