import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const DRAFT = /^\.draft-[0-9a-f]{16}$/;
const LOCK = /^(orch_[a-z0-9]+)\.lock$/;

/** Files in the home that a crash may leave: drafts of shredding keys, and locks of orchestrators that are gone. */
export class HomeLeftovers {
  readonly #shred: string;
  readonly #locks: string;

  constructor(home: string) {
    this.#shred = join(home, 'shred');
    this.#locks = join(home, 'orchestrators');
  }

  /** Key files that never got their name. */
  async keyDrafts(): Promise<string[]> {
    return (await namesIn(this.#shred)).filter((name) => DRAFT.test(name));
  }

  /** The ids of orchestrators that have a lock file. */
  async lockFiles(): Promise<string[]> {
    return (await namesIn(this.#locks)).flatMap((name) => LOCK.exec(name)?.[1] ?? []);
  }

  removeKeyDraft(name: string): Promise<void> {
    if (!DRAFT.test(name)) throw new Error('not a draft of a key');
    return remove(join(this.#shred, name));
  }

  /** An id is never used again, so nobody looks for a lock of that name once its orchestrator is gone. */
  removeLockFile(orchestrator: string): Promise<void> {
    const name = `${orchestrator}.lock`;
    if (!LOCK.test(name)) throw new Error('not a lock of an orchestrator');
    return remove(join(this.#locks, name));
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(goneIs<string[]>([]));
}

const remove = (file: string): Promise<void> => unlink(file).catch(goneIs(undefined));

function goneIs<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}
