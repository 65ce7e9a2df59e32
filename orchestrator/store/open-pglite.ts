import { existsSync } from 'node:fs';
import { readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PGlite, types } from '@electric-sql/pglite';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import { assertRoom, ROOM_TO_OPEN } from '../home/disk-room.ts';
import { endLoops } from './pglite-loop.ts';
import { SyncedFiles, syncFolder } from './pglite-files.ts';

/**
 * PGlite's own parameters but for two things. In memory: 8 MB of shared buffers in place of 128, one connection's worth of tables in
 * place of a hundred's (measured with this schema: 216 MB resident in place of 363, 0.4 s to open). On the disk: `-F`, which means no fsync, is left out, and `fsync` is the one
 * call of its kind that Emscripten hands on.
 */
const START = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  ...['shared_buffers=8MB', 'max_connections=5', 'wal_sync_method=fsync'].flatMap((one) => ['-c', one]),
];

const create = async (folder: string): Promise<PGlite> =>
  endLoops(
    await PGlite.create({
      fs: new SyncedFiles(folder),
      startParams: START,
      parsers: { [types.BYTEA]: (hex: string) => Buffer.from(hex.slice(2), 'hex') },
      serializers: { [types.BYTEA]: (bytes: Buffer) => `\\x${bytes.toString('hex')}` },
    }),
  );

export const storeFolder = (home: string): string => path.join(home, 'store');

/** Without these PGlite would make a new, empty database over what is left, or fall. */
const PIECES = ['PG_VERSION', 'global/pg_control', 'base', 'pg_wal', 'pg_xact', 'postgresql.conf'];

/**
 * The database under `<home>/store`. A first one is made beside it and moved there whole, so that a start that is cut off leaves none behind; `<home>/store.made`
 * remembers that there was one. Throws `store_corrupt` where it is damaged or gone, `store_full` where the disk has no room to open it.
 */
export async function openPGlite(home: string): Promise<PGlite> {
  const folder = storeFolder(home);
  const made = path.join(home, 'store.made');
  assertRoom(home, ROOM_TO_OPEN);
  if (!existsSync(folder)) {
    if (existsSync(made)) throw corrupt(folder, 'the folder is gone');
    await makeFirst(home, folder);
  }
  await assertWhole(folder);
  if (!existsSync(made)) await writeFile(made, '', { mode: 0o600 });
  try {
    return await create(folder);
  } catch (error) {
    // What looks like damage may be a log that could not be written.
    assertRoom(home, ROOM_TO_OPEN);
    throw corrupt(folder, 'it does not open', error);
  }
}

async function makeFirst(home: string, folder: string): Promise<void> {
  const draft = path.join(home, 'store.new');
  await rm(draft, { recursive: true, force: true });
  const first = await create(draft);
  await first.close();
  await rename(draft, folder);
  syncFolder(home);
}

async function assertWhole(folder: string): Promise<void> {
  const missing = [];
  for (const piece of PIECES) {
    const found = await stat(path.join(folder, piece)).catch(() => undefined);
    if (found === undefined || (found.isFile() && found.size === 0)) missing.push(piece);
  }
  if (
    missing.length === 0 &&
    !(await readdir(path.join(folder, 'pg_wal'))).some((name) => /^[0-9A-F]{24}$/.test(name))
  )
    missing.push('pg_wal/…');
  if (missing.length > 0) throw corrupt(folder, `missing or empty: ${missing.join(', ')}`);
}

/** Coded already where it is that. */
export function corrupt(folder: string, reason: string, cause?: unknown): CodedError {
  const known = cause === undefined ? undefined : toCodedError(cause);
  if (known !== undefined && known.code !== 'internal') return known;
  return new CodedError('store_corrupt', { store: folder, reason }, { cause });
}
