import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

export const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** A folder that is no link; a file that is none, without waiting for the other end of what is a pipe. */
export const FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
export const FILE = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/**
 * Opens what lies at `parts` below the folder `root`, step by step from one open folder to the next, following no link anywhere: what openat(2) is for, which Node
 * does not offer, by way of the kernel's names of our own descriptors. Errors: those of open(2), `ELOOP` or `ENOTDIR` for a link.
 */
export async function openBelow(root: string, parts: readonly string[], flags: number): Promise<FileHandle> {
  let here = await open(root, parts.length === 0 ? flags : FOLDER);
  for (const [at, part] of parts.entries()) {
    try {
      const next = await open(`/proc/self/fd/${here.fd}/${part}`, at === parts.length - 1 ? flags : FOLDER);
      await here.close();
      here = next;
    } catch (error) {
      await here.close();
      throw error;
    }
  }
  return here;
}
