import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';

/** A tool was used in a way that it does not take; the message is for the model. */
export class ToolRefused extends Error {
  override readonly name = 'ToolRefused';
}

/**
 * The real path in `work` that `path` names, relative ones seen from `work`. What does not exist yet is allowed where its nearest existing folder is inside. Throws
 * `ToolRefused` for what lies, or leads by a link, outside.
 */
export async function workPath(work: string, path: string): Promise<string> {
  const root = await realpath(work);
  const real = await realpathOfNearest(resolve(root, path));
  const inside = relative(root, real);
  if (inside === '..' || inside.startsWith('../') || isAbsolute(inside)) {
    throw new ToolRefused(`${path} is outside ${work}. Files have to be in ${work}.`);
  }
  return real;
}

async function realpathOfNearest(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
    // A link that leads nowhere yet: writing to it would make the file where it points.
    if (await lstat(path).catch(() => undefined))
      throw new ToolRefused(`${path} is a link that leads nowhere.`);
    return resolve(await realpathOfNearest(parent), relative(parent, path));
  }
}

/** As `workPath`, of a file that is there or is to be made. What is a pipe or a device is refused: opening one may wait for ever. */
export async function workFile(work: string, path: string): Promise<string> {
  const real = await workPath(work, path);
  const found = await stat(real).catch(() => undefined);
  if (found !== undefined && !found.isFile() && !found.isDirectory())
    throw new ToolRefused(`${path} is no regular file: use shell.`);
  return real;
}

/** How long a file in the memory of the cage may take. */
export const fileLimitMs = (): number => 30_000;

/** The file that a call names, for keeping calls of one file in order (see `Touches`). */
export function fileTouched({ path }: { readonly path: string }, { work }: { readonly work: string }) {
  return { kind: 'file' as const, path: resolve(work, path) };
}
