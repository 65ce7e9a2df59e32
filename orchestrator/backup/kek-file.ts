import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import { offHeap, type Secret } from '#secret/secret.ts';
import { keyFileNames, readKeyFile, writeKeyFile } from '../vault/key-file.ts';

/** `clawcage keks 1\n`, then for each key its version (4 bytes, big-endian) and its 32 bytes, then the SHA-256 of all before. */
const MAGIC = Buffer.from('clawcage keks 1\n');
const KEY_BYTES = 32;
const ENTRY_BYTES = 4 + KEY_BYTES;
const HASH_BYTES = 32;

/**
 * Writes the key-encryption keys of a home into a file, mode 0600; their versions. One that is there is replaced only by one that holds its keys too: nothing else may be able to open the
 * backups that were made beside it. Throws `not_found` where the home has none, `conflict`.
 */
export async function saveKeks(home: string, file: string): Promise<number[]> {
  const dir = path.join(home, 'kek');
  const versions = (await keyFileNames(dir, '.key').catch(() => [])).map(Number).sort((a, b) => a - b);
  if (versions.length === 0) throw new CodedError('not_found', { keks: dir });
  const bytes = offHeap(MAGIC.length + versions.length * ENTRY_BYTES + HASH_BYTES);
  MAGIC.copy(bytes);
  for (const [index, version] of versions.entries()) {
    using key = (await readKeyFile(path.join(dir, `${version}.key`))) as Secret;
    const at = MAGIC.length + index * ENTRY_BYTES;
    bytes.writeUInt32BE(version, at);
    key.expose().copy(bytes, at + 4);
  }
  const end = bytes.length - HASH_BYTES;
  createHash('sha256').update(bytes.subarray(0, end)).digest().copy(bytes, end);
  try {
    await assertNoneLost(file, keysIn(bytes));
    await writeWhole(file, bytes);
  } finally {
    bytes.fill(0);
  }
  return versions;
}

/** Puts the keys of such a file into a home; their versions. Throws `backup_damaged`, and `conflict` where another key has one of these versions there: nothing is changed then. */
export async function restoreKeks(file: string, home: string): Promise<number[]> {
  const bytes = await readFile(file);
  try {
    const keys = keysIn(bytes);
    const dir = path.join(home, 'kek');
    await mkdir(dir, { recursive: true, mode: 0o700 });
    for (const { version, key } of keys) {
      using there = await readKeyFile(path.join(dir, `${version}.key`));
      if (there !== undefined && !there.expose().equals(key))
        throw new CodedError('conflict', {
          kek: version,
          reason: 'the home has another key of that version',
        });
    }
    for (const { version, key } of keys) await writeKeyFile(path.join(dir, `${version}.key`), key);
    return keys.map(({ version }) => version);
  } finally {
    bytes.fill(0);
  }
}

interface Kek {
  readonly version: number;
  readonly key: Buffer;
}

function keysIn(bytes: Buffer): Kek[] {
  const end = bytes.length - HASH_BYTES;
  const whole =
    end > MAGIC.length &&
    (end - MAGIC.length) % ENTRY_BYTES === 0 &&
    bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
    createHash('sha256').update(bytes.subarray(0, end)).digest().equals(bytes.subarray(end));
  if (!whole)
    throw new CodedError('backup_damaged', { reason: 'the file of key-encryption keys is not whole' });
  const keys = [];
  for (let at = MAGIC.length; at < end; at += ENTRY_BYTES)
    keys.push({ version: bytes.readUInt32BE(at), key: bytes.subarray(at + 4, at + ENTRY_BYTES) });
  return keys;
}

async function assertNoneLost(file: string, kept: readonly Kek[]): Promise<void> {
  const there = await readFile(file).catch(() => undefined);
  if (there === undefined) return;
  try {
    for (const { version, key } of keysIn(there))
      if (!kept.some((one) => one.version === version && one.key.equals(key)))
        throw new CodedError('conflict', {
          file,
          kek: version,
          reason: 'the file holds a key that this home has not: name another file',
        });
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'backup_damaged') throw error;
    throw new CodedError('conflict', { file, reason: 'something else is there: name another file' });
  } finally {
    there.fill(0);
  }
}

async function writeWhole(file: string, bytes: Buffer): Promise<void> {
  const draft = `${file}.part`;
  await rm(draft, { force: true });
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}
