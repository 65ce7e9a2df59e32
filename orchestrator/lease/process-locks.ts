import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { assertRoom } from '../home/disk-room.ts';

/** A folder and a file that SQLite begins to write. */
const ROOM_FOR_LOCK = 64 * 1024;

/**
 * Tells surely whether another orchestrator of this machine has ended: each keeps a lock of the kernel on `<home>/orchestrators/<id>.lock`, taken through SQLite
 * since Node has no call of its own for it. However its holder ends, it is free at once; a process that only sleeps keeps it; no process id can be mistaken for another's.
 */
export class ProcessLocks {
  readonly #dir: string;

  constructor(home: string) {
    this.#dir = path.join(home, 'orchestrators');
  }

  /** For as long as this process acts under that name. Disposing of it takes the file away. Throws `store_full` where the disk of the home has no room. */
  take(id: string): Disposable {
    const home = path.dirname(this.#dir);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    assertRoom(home, ROOM_FOR_LOCK);
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const lock = this.#open(id);
    return {
      [Symbol.dispose]: () => {
        lock.close();
        rmSync(this.#file(id), { force: true });
      },
    };
  }

  /** Whether the process that had this name is gone; false where that cannot be told. */
  isGone(id: string): boolean {
    if (!existsSync(this.#file(id))) return false;
    try {
      this.#open(id).close();
      return true;
    } catch {
      return false;
    }
  }

  /** Takes away the file of one that is gone. */
  forget(id: string): void {
    rmSync(this.#file(id), { force: true });
  }

  /** Throws where another process has it. */
  #open(id: string): DatabaseSync {
    const lock = new DatabaseSync(this.#file(id), { timeout: 0 });
    try {
      lock.exec('begin exclusive');
      return lock;
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  #file(id: string): string {
    return path.join(this.#dir, `${id}.lock`);
  }
}
