import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { OutputFile } from '#protocol/api.ts';
import type { Client } from '../client.ts';
import { Failure, failure } from '../failure.ts';

export interface Target {
  readonly folder: string;
  /** Files that are there already are replaced. */
  readonly force: boolean;
}

/** Fails where the folder cannot be one: before a task is run for it. */
export async function assertFolder({ folder }: Target): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw failure('usage_invalid', { '--out': `${folder}: ${error.code ?? 'cannot be made'}` });
  });
}

/**
 * Writes the files of a task below a folder. The paths were chosen in a cage, so none is trusted: what would lead out of the folder, or
 * through a link that is in it, is `output_unsafe`; what is there already is `output_exists` without `force`. Both are looked for before the
 * first file is written, and held when it is.
 */
export async function saveFiles(
  client: Client,
  task: string,
  files: readonly OutputFile[],
  target: Target,
): Promise<void> {
  await assertFolder(target);
  const unsafe = files.filter(({ path }) => !isPlain(path)).map(({ path }) => path);
  if (unsafe.length > 0) throw failure('output_unsafe', { files: unsafe, task });
  const there: string[] = [];
  for (const { path } of files) if (await isThere(target, path)) there.push(path);
  if (there.length > 0 && !target.force)
    throw failure('output_exists', { files: there, later: `clawcage tasks files ${task} --out DIR` });
  for (const { path } of files) await save(client, task, path, target);
}

/** Relative, of plain names only. */
function isPlain(path: string): boolean {
  return path
    .split('/')
    .every((name) => name !== '' && name !== '.' && name !== '..' && !/[\p{Cc}\\]/u.test(name));
}

/** Whether a file is there; a link or a file where a folder has to be is `output_unsafe`. */
async function isThere({ folder }: Target, path: string): Promise<boolean> {
  const names = path.split('/');
  for (let depth = 1; depth <= names.length; depth++) {
    const found = await lstat(join(folder, ...names.slice(0, depth))).catch(() => undefined);
    if (!found) return false;
    const isLast = depth === names.length;
    if (found.isSymbolicLink() || (isLast ? !found.isFile() : !found.isDirectory()))
      throw failure('output_unsafe', {
        file: names.slice(0, depth).join('/'),
        reason: found.isSymbolicLink() ? 'it is a link' : 'it is of another kind',
      });
  }
  return true;
}

async function save(client: Client, task: string, path: string, target: Target): Promise<void> {
  const file = join(target.folder, path);
  await mkdir(dirname(file), { recursive: true });
  await isThere(target, path);
  const part = join(dirname(file), `.clawcage-${randomUUID()}`);
  try {
    await download(client, task, path, part);
    // A link fails where the name is taken, a rename replaces what bears it, and neither follows a link.
    if (target.force) await rename(part, file);
    else await link(part, file);
  } catch (error) {
    throw error instanceof Failure
      ? error
      : failure('usage_invalid', {
          '--out': `${path}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be written'}`,
        });
  } finally {
    await rm(part, { force: true });
  }
}

async function download(client: Client, task: string, path: string, part: string): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  await using handle = await open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
  for await (const chunk of client.bytes(filePath(task, path))) await handle.writeFile(chunk);
}

export const filesPath = (task: string): string => `/api/v1/tasks/${encodeURIComponent(task)}/files`;
const filePath = (task: string, path: string): string =>
  `${filesPath(task)}/${path.split('/').map(encodeURIComponent).join('/')}`;
