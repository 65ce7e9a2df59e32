import type { PGlite } from '@electric-sql/pglite';
import {
  CompiledQuery,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import type { LivingPGlite } from './living-pglite.ts';

/** For as long as it is held: a transaction does not go on in a database that was opened anew meanwhile. */
class PGliteConnection implements DatabaseConnection {
  readonly #living: LivingPGlite;
  readonly #db: PGlite;

  /** Throws where there is none at present. */
  constructor(living: LivingPGlite) {
    this.#living = living;
    this.#db = living.present();
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, affectedRows } = await this.#living.query<R>(this.#db, query.sql, [...query.parameters]);
    return { rows, numAffectedRows: BigInt(affectedRows ?? 0) };
  }

  // oxlint-disable-next-line require-yield -- Kysely's interface asks for a stream; nothing here streams.
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error('PGlite does not stream');
  }
}

/** PGlite has one connection: who holds it holds the database, and the others wait in order. */
class PGliteDriver implements Driver {
  readonly #living: LivingPGlite;
  #held = false;
  readonly #waiting: (() => void)[] = [];

  constructor(living: LivingPGlite) {
    this.#living = living;
  }

  async init(): Promise<void> {
    await this.#living.present().waitReady;
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#held) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#held = true;
    try {
      return new PGliteConnection(this.#living);
    } catch (error) {
      await this.releaseConnection();
      throw error;
    }
  }

  /** The next in line gets it before anybody new can ask. */
  async releaseConnection(): Promise<void> {
    const next = this.#waiting.shift();
    if (next === undefined) this.#held = false;
    else next();
  }

  async beginTransaction(
    connection: DatabaseConnection,
    { isolationLevel, accessMode }: TransactionSettings,
  ): Promise<void> {
    const how = [isolationLevel && `isolation level ${isolationLevel}`, accessMode];
    await connection.executeQuery(CompiledQuery.raw(['begin', ...how].filter(Boolean).join(' ')));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async destroy(): Promise<void> {
    await this.#living.close();
  }
}

/** PostgreSQL's dialect on a PGlite. */
export function pgliteDialect(living: LivingPGlite): Dialect {
  return {
    createDriver: () => new PGliteDriver(living),
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (kysely) => new PostgresIntrospector(kysely),
  };
}
