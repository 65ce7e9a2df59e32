import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { LIMITS, type TaskCreate } from '#protocol/api.ts';
import { failure } from '../failure.ts';

/**
 * The files of a task as the API takes them, each under its own name without its path. `usage_invalid` names the file that cannot be
 * read, is too large, or has the name of another: found here, since reading it into memory for the service to refuse helps nobody.
 */
export function readTaskFiles(paths: readonly string[]): Promise<NonNullable<TaskCreate['files']>> {
  return readAll(paths, { option: '--file', most: LIMITS.files, what: 'files' });
}

/** The images of a task, in the same way; whether they are any is for the service to see. */
export function readTaskImages(paths: readonly string[]): Promise<NonNullable<TaskCreate['images']>> {
  return readAll(paths, { option: '--image', most: LIMITS.images, what: 'images' });
}

interface Kind {
  readonly option: string;
  readonly most: number;
  readonly what: string;
}

async function readAll(paths: readonly string[], kind: Kind): Promise<{ name: string; data: string }[]> {
  const wrong = (problem: string): Error => failure('usage_invalid', { [kind.option]: problem });
  if (paths.length > kind.most) throw wrong(`at most ${kind.most} ${kind.what}`);
  const names = paths.map((path) => basename(path));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw wrong(`two ${kind.what} are named ${twice}`);
  return Promise.all(
    paths.map(async (path) => ({ name: basename(path), data: (await read(path, wrong)).toString('base64') })),
  );
}

async function read(path: string, wrong: (problem: string) => Error): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > LIMITS.fileBytes) throw wrong(`${path} is larger than ${LIMITS.fileBytes / 1024 / 1024} MiB`);
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code?.startsWith('E') ? wrong(`${path}: ${code}`) : error;
  }
}
