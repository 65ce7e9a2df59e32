import pg from 'pg';
import type { Log } from '../log.ts';
import { WatchedPool } from './watched-pool.ts';

const INT8 = 20;

/** Counts above 2^53 do not occur: eight-byte integers come as numbers. */
const parserOf = ((oid: number, format?: 'text') =>
  oid === INT8 ? Number : pg.types.getTypeParser(oid, format ?? 'text')) as typeof pg.types.getTypeParser;

const PROBE_MS = 1_500;

/** A pool on PostgreSQL by URL. It connects when it is first used; no query, and no wait for a connection, lasts for ever, nor longer than the server answers at all. */
export function openPool(databaseUrl: string, log: Pick<Log, 'warn'>): WatchedPool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: 'clawcage',
    max: 10,
    connectionTimeoutMillis: 5000,
    query_timeout: 30_000,
    statement_timeout: 30_000,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
    types: { getTypeParser: parserOf },
  });
  pool.on('error', (error: Error & { code?: string }) => {
    log.warn({ code: error.code }, 'an idle database connection was lost');
  });
  // The pool listens to idle connections only: one that breaks while it is in use would end the process, though whoever uses it is told by the query.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return new WatchedPool({ pool, probe: () => probe(databaseUrl), log });
}

/** Whether the server answers anybody: a refusal of its own is an answer as well. */
async function probe(databaseUrl: string): Promise<void> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'clawcage-probe',
    connectionTimeoutMillis: PROBE_MS,
    query_timeout: PROBE_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code?.startsWith('57P') === true) throw error;
  } finally {
    client.end().catch(() => undefined);
  }
}
