import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CodedError } from '#errors/coded-error.ts';

/**
 * One process at a time on the database of a home. The lock is the kernel's, on `<home>/store.lock`, taken through SQLite since Node has no call
 * of its own for it: however its holder ends, it is free at once, and no process id can be mistaken for another's.
 */
export class StoreLock implements Disposable {
  readonly #lock: DatabaseSync;

  private constructor(lock: DatabaseSync) {
    this.#lock = lock;
  }

  /** Throws `store_locked` with the holder's `pid`. */
  static take(home: string): StoreLock {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const holder = path.join(home, 'store.pid');
    const lock = new DatabaseSync(path.join(home, 'store.lock'), { timeout: 0 });
    try {
      lock.exec('begin exclusive');
    } catch (error) {
      lock.close();
      if (!isBusy(error)) throw error;
      throw new CodedError('store_locked', { home, ...pidIn(holder) });
    }
    writeFileSync(holder, String(process.pid), { mode: 0o600 });
    return new StoreLock(lock);
  }

  [Symbol.dispose](): void {
    this.#lock.close();
  }
}

/** SQLITE_BUSY, https://sqlite.org/rescode.html#busy */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5;
}

function pidIn(file: string): { pid?: number } {
  try {
    return { pid: Number(readFileSync(file, 'utf8')) };
  } catch {
    return {};
  }
}
