import path from 'node:path';
import type { Kek, KekProvider } from '#vault/keks.ts';
import { createKeyFile, keyFileNames, makeKeyDirectory, readKeyFile } from './key-file.ts';

const SUFFIX = '.key';

/** Key-encryption keys as files `<version>.key` of 32 bytes, mode 0600, in a directory of mode 0700 outside the database. */
export class FileKeks implements KekProvider, Disposable {
  readonly #dir: string;
  readonly #keks = new Map<number, Kek>();
  #current: number;

  private constructor(dir: string, current: number) {
    this.#dir = dir;
    this.#current = current;
  }

  /** Reads the newest key; the first start makes version 1. */
  static async open(dir: string): Promise<FileKeks> {
    await makeKeyDirectory(dir);
    if ((await versions(dir)).length === 0) await createKeyFile(path.join(dir, `1${SUFFIX}`));
    const keks = new FileKeks(dir, Math.max(...(await versions(dir))));
    await keks.current();
    return keks;
  }

  async current(): Promise<Kek> {
    const kek = await this.byVersion(this.#current);
    if (kek === undefined) throw new Error(`${this.#file(this.#current)} is gone`);
    return kek;
  }

  async byVersion(version: number): Promise<Kek | undefined> {
    const known = this.#keks.get(version);
    if (known !== undefined) return known;
    const key = await readKeyFile(this.#file(version));
    if (key === undefined) return undefined;
    const kek = { version, key };
    this.#keks.set(version, kek);
    return kek;
  }

  /** Makes the next version and seals with it from now on. Older ones stay for what they wrapped. Returns the version. */
  async rotate(): Promise<number> {
    const next = Math.max(this.#current, ...(await versions(this.#dir))) + 1;
    if (!(await createKeyFile(this.#file(next)))) return this.rotate();
    this.#current = next;
    return next;
  }

  /** Overwrites the keys in memory: nothing opens after it. */
  [Symbol.dispose](): void {
    for (const { key } of this.#keks.values()) key.wipe();
  }

  #file(version: number): string {
    return path.join(this.#dir, `${version}${SUFFIX}`);
  }
}

async function versions(dir: string): Promise<number[]> {
  const names = await keyFileNames(dir, SUFFIX);
  return names.map(Number).filter((version) => Number.isSafeInteger(version) && version > 0);
}
