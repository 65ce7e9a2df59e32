import { randomBytes, randomFillSync } from 'node:crypto';
import { mkdir, open, readdir, unlink } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import { offHeap, Secret } from '#secret/secret.ts';
import { createWhole, syncDirectory } from '../home/whole-file.ts';

const KEY_BYTES = 32;

export async function makeKeyDirectory(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
}

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code;

/** The 32 bytes of a key file; undefined where there is none. Throws `home_damaged` where it is not whole. */
export async function readKeyFile(file: string): Promise<Secret | undefined> {
  let handle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const bytes = offHeap(KEY_BYTES + 1);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    if (bytesRead !== KEY_BYTES) {
      bytes.fill(0);
      throw new CodedError('home_damaged', { file, reason: `not a key of ${KEY_BYTES} bytes` });
    }
    return new Secret(bytes.subarray(0, KEY_BYTES));
  } finally {
    await handle.close();
  }
}

/**
 * Makes a key of 32 random bytes with mode 0600, on the disk whole before it bears its name. False where that name is
 * taken: then nothing is changed. Throws `store_full` where the disk is.
 */
export async function createKeyFile(file: string): Promise<boolean> {
  const bytes = randomFillSync(offHeap(KEY_BYTES));
  try {
    return await writeKeyFile(file, bytes);
  } finally {
    bytes.fill(0);
  }
}

/** As `createKeyFile`, of a key that there is already; `bytes` stay the caller's to wipe. */
export async function writeKeyFile(file: string, bytes: Buffer): Promise<boolean> {
  return createWhole(file, bytes);
}

/**
 * Overwrites a key file and takes it away. A file system that writes elsewhere (copy-on-write, flash) may keep the old
 * block for a while; nobody without the disk itself reads that.
 */
export async function destroyKeyFile(file: string): Promise<void> {
  let handle;
  try {
    handle = await open(file, 'r+');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  try {
    await handle.write(randomBytes(KEY_BYTES), 0, KEY_BYTES, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await unlink(file).catch((error: unknown) => {
    if (!isCode(error, 'ENOENT')) throw error;
  });
  await syncDirectory(path.dirname(file));
}

/** The names in a directory that end in `suffix`, without it. */
export async function keyFileNames(dir: string, suffix: string): Promise<string[]> {
  const names = await readdir(dir);
  return names
    .filter((name) => !name.startsWith('.') && name.endsWith(suffix))
    .map((name) => name.slice(0, name.length - suffix.length));
}
