import pg from 'pg';
import type { Log } from '../log.ts';

const INT8 = 20;

/** Counts above 2^53 do not occur: eight-byte integers come as numbers. */
const parserOf = ((oid: number, format?: 'text') =>
  oid === INT8 ? Number : pg.types.getTypeParser(oid, format ?? 'text')) as typeof pg.types.getTypeParser;

/** A pool on PostgreSQL by URL. It connects when it is first used; no query, and no wait for a connection, lasts for ever. */
export function openPool(databaseUrl: string, log: Pick<Log, 'warn'>): pg.Pool {
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
  return pool;
}
