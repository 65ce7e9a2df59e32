import { accessSync, constants, lstatSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CagePaths } from '../../paths.ts';

/**
 * A process is closed to others of its user because it runs a program that this user may execute but not read (`would_dump` in the kernel's fs/exec.c), so
 * a readable Node or tini undoes everything. Gives the reason for which it fails.
 */
export function binariesUnreadable(paths: CagePaths): string | undefined {
  const readable = [paths.tini, paths.protectedNode].filter((path) => may(path, constants.R_OK));
  return readable.length === 0 ? undefined : `readable: ${readable.join(', ')}`;
}

/** What the warden and the meter run, and what they load it from, is not the agent's to change: a compile cache that it can write is run. */
export function installationUnwritable(paths: CagePaths): string | undefined {
  const all = [
    dirname(paths.installation),
    paths.installation,
    ...contents(paths.installation),
    paths.agentNode,
  ];
  const writable = all.filter((path) => may(path, constants.W_OK));
  return writable.length === 0 ? undefined : `writable: ${writable.slice(0, 4).join(', ')}`;
}

function contents(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return lstatSync(path).isDirectory() ? [path, ...contents(path)] : [path];
  });
}

/** By owner and mode, as it would be on a writable file system too: the read-only root is a check of its own. */
function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') return false;
    if (code === 'EROFS') return writableByMode(path);
    throw error;
  }
}

function writableByMode(path: string): boolean {
  const { mode, uid } = lstatSync(path);
  return uid === process.getuid?.() || (mode & 0o022) !== 0;
}
