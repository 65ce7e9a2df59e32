import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { CodedError } from '#errors/coded-error.ts';

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);

/**
 * SQLSTATE (PostgreSQL, appendix A): connection lost, no login, no such database, too many connections, shutting down, read-only after a failover, out of time, input and
 * output failed.
 */
const SQLSTATE = /^(08|28|3D000|53|57P0|57014|25006|58030)/;

const DISK_FULL = '53100';

/** A page or an index that is not what was written; a file that is gone (appendix A: XX001, XX002, 58P01). */
const DAMAGED = new Set(['XX001', 'XX002', '58P01']);

/** What `pg` and PGlite throw without a code. */
const MESSAGE =
  /connection terminated|timeout exceeded when trying to connect|query read timeout|connection error and is not queryable|after calling end|pglite is clos/i;

/** 22021: a NUL in a text; 22P05: the same in JSON. No schema forbids it, no database takes it. */
const UNSTORABLE = new Set(['22021', '22P05']);

/** A database's error as a coded one where its cause lies outside our own doing; others as they are. */
export function codedStoreError(error: unknown): unknown {
  if (error instanceof CodedError || !(error instanceof Error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code !== undefined && UNSTORABLE.has(code)) {
    return new CodedError('request_invalid', { reason: 'a text may not hold the character NUL' });
  }
  if (code === '23503') return new CodedError('not_found');
  if (code === DISK_FULL) return new CodedError('store_full', undefined, { cause: error });
  if (code !== undefined && DAMAGED.has(code))
    return new CodedError('store_corrupt', { reason: error.message.split('\n')[0] }, { cause: error });
  if (code !== undefined ? NETWORK.has(code) || SQLSTATE.test(code) : MESSAGE.test(error.message)) {
    return new CodedError('store_unavailable', code === undefined ? undefined : { cause: code }, {
      cause: error,
    });
  }
  return error;
}

async function coded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw codedStoreError(error);
  }
}

class CodedConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection;

  constructor(inner: DatabaseConnection) {
    this.inner = inner;
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return coded(() => this.inner.executeQuery<R>(query));
  }

  streamQuery<R>(query: CompiledQuery, chunkSize?: number): AsyncIterableIterator<QueryResult<R>> {
    return this.inner.streamQuery<R>(query, chunkSize);
  }
}

const inner = (connection: DatabaseConnection): DatabaseConnection =>
  connection instanceof CodedConnection ? connection.inner : connection;

class CodedDriver implements Driver {
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  init(): Promise<void> {
    return coded(() => this.#driver.init());
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return new CodedConnection(await coded(() => this.#driver.acquireConnection()));
  }

  beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    return coded(() => this.#driver.beginTransaction(inner(connection), settings));
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return coded(() => this.#driver.commitTransaction(inner(connection)));
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return coded(() => this.#driver.rollbackTransaction(inner(connection)));
  }

  releaseConnection(connection: DatabaseConnection): Promise<void> {
    return this.#driver.releaseConnection(inner(connection));
  }

  destroy(): Promise<void> {
    return this.#driver.destroy();
  }
}

/** The same dialect, whose errors are coded: `store_unavailable`, `store_full`, `store_corrupt`, `not_found` for a row that refers to none, `request_invalid` for what no text may hold. */
export function withCodedErrors(dialect: Dialect): Dialect {
  return {
    createDriver: () => new CodedDriver(dialect.createDriver()),
    createAdapter: () => dialect.createAdapter(),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createIntrospector: (db) => dialect.createIntrospector(db),
  };
}
