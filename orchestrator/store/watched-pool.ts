import { setTimeout as pause } from 'node:timers/promises';
import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type pg from 'pg';
import { CodedError } from '#errors/coded-error.ts';
import type { Log } from '../log.ts';

interface Parts {
  readonly pool: pg.Pool;
  /** Asks the server over a connection of its own; rejects where it does not answer. */
  readonly probe: () => Promise<void>;
  readonly log: Pick<Log, 'warn'>;
  /** How long a query may take before the server is asked whether it lives. */
  readonly patienceMs?: number;
}

interface Waiter {
  readonly sinceMs: number;
  readonly giveUp: (error: CodedError) => void;
}

const PATIENCE_MS = 1_000;
const PROBE_EVERY_MS = 500;

/**
 * A pool that knows when its server has stopped answering, so that nobody waits half a minute to learn it: a query that takes long is waited for as long as the server
 * answers somebody else. Where it answers nobody, all that wait get `store_unavailable` at once, and so does who comes later, until it answers again.
 */
export class WatchedPool implements PostgresPool {
  readonly #parts: Parts;
  readonly #patienceMs: number;
  readonly #waiting = new Set<Waiter>();
  readonly #closing = new AbortController();
  #down = false;
  #watching = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#patienceMs = parts.patienceMs ?? PATIENCE_MS;
  }

  async connect(): Promise<PostgresPoolClient> {
    const connecting = this.#parts.pool.connect();
    try {
      return new WatchedClient(await this.answered(connecting), this);
    } catch (error) {
      // One that comes after it was given up is nobody's.
      connecting.then(
        (client) => client.release(),
        () => undefined,
      );
      throw error;
    }
  }

  async end(): Promise<void> {
    this.#closing.abort();
    this.#allGiveUp();
    await this.#parts.pool.end();
  }

  /** Waits for an answer of the server as long as it lives. Error: `store_unavailable`. */
  async answered<T>(answer: Promise<T>): Promise<T> {
    answer.catch(() => undefined);
    if (this.#down) throw silent();
    const late = Promise.withResolvers<never>();
    const waiter: Waiter = { sinceMs: performance.now(), giveUp: late.reject };
    this.#waiting.add(waiter);
    void this.#watch();
    try {
      return await Promise.race([answer, late.promise]);
    } finally {
      this.#waiting.delete(waiter);
    }
  }

  /** While somebody waits, and until a server that was silent answers again. */
  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    while (this.#waiting.size > 0 || this.#down) {
      await this.#pause();
      if (this.#closing.signal.aborted) break;
      if (this.#down || this.#longestMs() >= this.#patienceMs) await this.#ask();
    }
    this.#watching = false;
  }

  async #ask(): Promise<void> {
    const { probe, log } = this.#parts;
    try {
      await probe();
      if (this.#down) log.warn({}, 'the database answers again');
      this.#down = false;
    } catch (error) {
      if (!this.#down) log.warn({ reason: (error as Error).message }, 'the database does not answer');
      this.#down = true;
      this.#allGiveUp();
    }
  }

  #allGiveUp(): void {
    for (const { giveUp } of this.#waiting) giveUp(silent());
  }

  #longestMs(): number {
    const nowMs = performance.now();
    return Math.max(0, ...[...this.#waiting].map(({ sinceMs }) => nowMs - sinceMs));
  }

  #pause(): Promise<void> {
    const ms = Math.min(this.#patienceMs, PROBE_EVERY_MS);
    return pause(ms, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
  }
}

/** A connection whose answer was not waited for to its end is of no more use: another query would wait behind that one. */
class WatchedClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient;
  readonly #pool: WatchedPool;
  #broken = false;

  constructor(client: pg.PoolClient, pool: WatchedPool) {
    this.#client = client;
    this.#pool = pool;
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query<R>(
    sql: string | PostgresCursor<R>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof sql !== 'string') throw new Error('nothing here reads by cursor');
    return this.#query<R>(sql, [...parameters]);
  }

  release(): void {
    this.#client.release(this.#broken);
  }

  async #query<R>(sql: string, parameters: unknown[]): Promise<PostgresQueryResult<R>> {
    if (this.#broken) throw silent();
    try {
      const answer = await this.#pool.answered(this.#client.query(sql, parameters));
      return answer as unknown as PostgresQueryResult<R>;
    } catch (error) {
      this.#broken ||= !isAnswer(error);
      throw error;
    }
  }
}

/** The server's own refusal carries a SQLSTATE; what the network or a timer says does not. */
function isAnswer(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^[0-9]/.test(code) && code.length === 5 && !code.startsWith('57P');
}

const silent = (): CodedError => new CodedError('store_unavailable', { reason: 'no answer in time' });
