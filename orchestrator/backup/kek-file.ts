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

/** Writes the key-encryption keys of a home into a new file, mode 0600; their versions. Throws `not_found` where there are none, `restore_not_empty` where the file is there. */
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
    await writeNew(file, bytes);
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

function keysIn(bytes: Buffer): { version: number; key: Buffer }[] {
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

async function writeNew(file: string, bytes: Buffer): Promise<void> {
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
