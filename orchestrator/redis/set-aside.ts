import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';

const TAIL_BYTES = 4096;

/** What a server says at its end that cannot read its own append-only file. One that was only cut off it repairs itself. */
const UNREADABLE =
  /Bad file format reading the append only file|Error reading the (append only|manifest)|Fatal error loading the DB|AOF loading (aborted|failed)|Invalid AOF manifest|Unrecoverable error reading/i;

/**
 * Moves an append-only file that the server could not read beside, so that the next start begins empty: rows are the truth, and the limiter waits out what it may have forgotten. Its
 * new name; undefined where the file was not the reason.
 */
export async function setAsideUnreadable(folder: string): Promise<string | undefined> {
  if (!UNREADABLE.test(await tailOf(join(folder, 'redis.log')))) return undefined;
  const from = join(folder, 'appendonlydir');
  const to = `${from}.damaged-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
  try {
    await rename(from, to);
    return to;
  } catch {
    return undefined;
  }
}

async function tailOf(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    await using handle = await open(file, 'r');
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    await handle.read(bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8');
  } catch {
    return '';
  }
}
