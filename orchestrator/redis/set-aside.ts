import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';

const TAIL_BYTES = 4096;

/** What a server says at its end that cannot read its own append-only file. One that was only cut off it repairs itself. */
const UNREADABLE =
  /Bad file format reading the append only file|Error reading the (append only|manifest)|Fatal error loading the DB|AOF loading (aborted|failed)|Invalid AOF manifest|Unrecoverable error reading/i;

/**
 * Moves an append-only file that the server could not read beside, so that the next start begins empty: rows are the truth, and the limiter waits out what it may have forgotten. Its
 * new name; undefined where the file was not the reason. `loggedBefore`: how long its log was before that server began.
 */
export async function setAsideUnreadable(folder: string, loggedBefore: number): Promise<string | undefined> {
  if (!UNREADABLE.test(await tailOf(logOf(folder), loggedBefore))) return undefined;
  const from = join(folder, 'appendonlydir');
  const to = `${from}.damaged-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
  try {
    await rename(from, to);
    return to;
  } catch {
    return undefined;
  }
}

/** How long Redis' log is; 0 where there is none. */
export async function loggedBytes(folder: string): Promise<number> {
  return stat(logOf(folder)).then(
    ({ size }) => size,
    () => 0,
  );
}

const logOf = (folder: string): string => join(folder, 'redis.log');

async function tailOf(file: string, from: number): Promise<string> {
  try {
    const { size } = await stat(file);
    await using handle = await open(file, 'r');
    const bytes = Buffer.alloc(Math.max(0, Math.min(size - from, TAIL_BYTES)));
    await handle.read(bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8');
  } catch {
    return '';
  }
}
