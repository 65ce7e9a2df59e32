import { setTimeout as pause } from 'node:timers/promises';
import type { PGlite, Results } from '@electric-sql/pglite';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { Log } from '../log.ts';

interface Parts {
  /** Opens the same folder anew. Throws `store_full`, `store_corrupt`. */
  readonly open: () => Promise<PGlite>;
  /** Why it cannot be opened at this moment, where the disk is full. */
  readonly whyNot: () => CodedError | undefined;
  readonly log: Pick<Log, 'warn'>;
}

const TRY_AGAIN_MS = 1_000;

/**
 * A PGlite that comes back after a panic. PostgreSQL ends its process where the write-ahead log cannot be written (the disk is full) and recovers at
 * its next start; in WebAssembly there is no process to end, and the next call to it would never return. So what has panicked is never called again, and the folder
 * is opened anew as soon as that can be done: what was committed is there.
 */
export class LivingPGlite {
  readonly #parts: Parts;
  readonly #closing = new AbortController();
  #db: PGlite | undefined;
  #gone = new CodedError('store_unavailable');
  #reviving: Promise<void> | undefined;

  constructor(db: PGlite, parts: Parts) {
    this.#db = db;
    this.#parts = parts;
  }

  /** The one that lives at present: a transaction that began on it ends with it. Throws why there is none now. */
  present(): PGlite {
    if (this.#db === undefined) throw this.#gone;
    return this.#db;
  }

  async query<R>(db: PGlite, sql: string, parameters: unknown[]): Promise<Results<R>> {
    if (db !== this.#db) throw this.#gone;
    try {
      return await db.query<R>(sql, parameters);
    } catch (error) {
      if (!hasEnded(error)) throw error;
      this.#revive(error);
      throw this.#gone;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#reviving;
    const db = this.#db;
    this.#db = undefined;
    this.#gone = new CodedError('store_unavailable', { reason: 'the database is closed' });
    await db?.close();
  }

  #revive(error: unknown): void {
    this.#db = undefined;
    this.#gone = this.#parts.whyNot() ?? new CodedError('store_unavailable');
    const reason = error instanceof Error ? error.message.split('\n')[0] : undefined;
    this.#parts.log.warn({ code: this.#gone.code, reason }, 'the database has stopped: opening it again');
    this.#reviving = this.#openAgain();
  }

  async #openAgain(): Promise<void> {
    const { open, log } = this.#parts;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await pause(TRY_AGAIN_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        this.#db = await open();
        log.warn({}, 'the database is open again');
        return;
      } catch (thrown) {
        const why = toCodedError(thrown);
        if (why.code !== this.#gone.code) log.warn({ code: why.code }, 'the database does not open yet');
        this.#gone = why;
      }
    }
  }
}

/** A panic of PostgreSQL, or the end of the WebAssembly that it is. */
function hasEnded(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { severity } = error as { severity?: unknown };
  return (
    severity === 'PANIC' ||
    severity === 'FATAL' ||
    error.name === 'RuntimeError' ||
    error.name === 'ExitStatus'
  );
}
