import { randomBytes } from 'node:crypto';
import { link, open, unlink } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '#errors/coded-error.ts';

/**
 * Makes a file of mode 0600 that is on the disk whole before it bears its name, however it is interrupted. False where that name is taken: then nothing is changed. Throws
 * `store_full` where the disk is.
 */
export async function createWhole(file: string, content: Buffer | string): Promise<boolean> {
  const dir = path.dirname(file);
  const draft = path.join(dir, `.draft-${randomBytes(8).toString('hex')}`);
  try {
    await writeDraft(draft, content);
    await link(draft, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    throw code === 'ENOSPC' || code === 'EDQUOT' ? new CodedError('store_full', { folder: dir }) : error;
  } finally {
    await unlink(draft).catch(() => undefined);
  }
  await syncDirectory(dir);
  return true;
}

async function writeDraft(draft: string, content: Buffer | string): Promise<void> {
  await using handle = await open(draft, 'wx', 0o600);
  await handle.writeFile(content);
  await handle.sync();
}

/** After it a file that was made or taken away in the directory stays so. */
export async function syncDirectory(dir: string): Promise<void> {
  await using handle = await open(dir, 'r');
  await handle.sync();
}
