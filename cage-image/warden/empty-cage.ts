import { chmod, lstat, readdir, rmdir, unlink } from 'node:fs/promises';
import type { CagePaths } from '../paths.ts';
import { killAllBut } from './processes.ts';
import { removeSystemV } from './system-v.ts';

/**
 * Takes away whatever a task has left: every process but PID 1 and the warden (where the cage owns them), System V objects, and all that lies where an agent can write.
 * Throws where something stays; the cage is then of no more use.
 */
export async function emptyCage(paths: CagePaths, ownsProcesses: boolean): Promise<void> {
  if (ownsProcesses && !killAllBut(new Set([1, process.pid]))) throw new Error('A process is left.');
  for (const folder of [paths.work, paths.run]) await emptyFolder(folder, 0o700);
  for (const folder of paths.scratch) await emptyFolder(folder, 0o1777);
  if (ownsProcesses) await removeSystemV(paths.searchPath);
}

async function emptyFolder(folder: string, mode: number): Promise<void> {
  const owner = await lstat(folder).then(
    ({ uid }) => uid,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    },
  );
  if (owner === undefined) return;
  if (owner === process.getuid?.()) await chmod(folder, mode);
  const path = Buffer.from(folder);
  for (const name of await namesIn(path)) await removeAll(join(path, name));
  if ((await namesIn(path)).length > 0) throw new Error('A file is left.');
}

/** What its owner took its own rights away from can still be removed; no link is followed. Names are bytes: an agent's need not be UTF-8. */
async function removeAll(path: Buffer): Promise<void> {
  if (!(await lstat(path)).isDirectory()) return unlink(path);
  await chmod(path, 0o700);
  for (const name of await namesIn(path)) await removeAll(join(path, name));
  await rmdir(path);
}

const namesIn = (folder: Buffer): Promise<Buffer[]> => readdir(folder, { encoding: 'buffer' });
const join = (folder: Buffer, name: Buffer): Buffer => Buffer.concat([folder, Buffer.from('/'), name]);
