import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Secret } from '#secret/secret.ts';
import type { ShreddingKeys } from '#vault/shredding-keys.ts';
import { createKeyFile, destroyKeyFile, keyFileNames, makeKeyDirectory, readKeyFile } from './key-file.ts';

/** Shredding keys as files named by their id, mode 0600, in a directory of mode 0700 that no backup should hold. */
export class FileShreddingKeys implements ShreddingKeys {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async open(dir: string): Promise<FileShreddingKeys> {
    await makeKeyDirectory(dir);
    return new FileShreddingKeys(dir);
  }

  async create(id: string): Promise<Secret> {
    await createKeyFile(this.#file(id));
    const key = await readKeyFile(this.#file(id));
    if (key === undefined) throw new Error(`the shredding key ${id} was destroyed while it was made`);
    return key;
  }

  async get(id: string): Promise<Secret | undefined> {
    return readKeyFile(this.#file(id));
  }

  async destroy(id: string): Promise<void> {
    await destroyKeyFile(this.#file(id));
  }

  /**
   * The keys that are here, for a sweep that destroys those whose task holds no content any more. A key is made before its task's
   * row, so a young one without a row is left alone. One that goes meanwhile is left out.
   */
  async list(): Promise<{ id: string; madeAtMs: number }[]> {
    const keys = await Promise.all(
      (await keyFileNames(this.#dir, '')).map(async (id) => {
        const file = await stat(this.#file(id)).catch(() => undefined);
        return file === undefined ? [] : [{ id, madeAtMs: file.mtimeMs }];
      }),
    );
    return keys.flat();
  }

  /** An id becomes a file name, so it is held to the form of ids. */
  #file(id: string): string {
    if (!/^[a-z0-9_]{1,100}$/.test(id)) throw new Error('not an id');
    return path.join(this.#dir, id);
  }
}
