import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { failure } from '../failure.ts';
import type { Terminal } from '../terminal/terminal.ts';

export interface Source {
  /** As it is shown before a line number. */
  readonly name: string;
  readonly text: string;
  /** What the references to files are relative to. */
  readonly folder: string;
}

const LARGEST_BYTES = 4 * 1024 * 1024;
const IS_YAML = /\.ya?ml$/;

/** The files that `-f` names: a file, every .yaml and .yml of a folder (not of those below it), or - for standard input. */
export async function readSources(paths: readonly string[], { stdin }: Terminal): Promise<Source[]> {
  const sources: Source[] = [];
  for (const path of paths) {
    if (path === '-') sources.push({ name: 'standard input', text: await readText(stdin), folder: '.' });
    else
      for (const file of await filesOf(path))
        sources.push({ name: file, text: await readUtf8(file), folder: dirname(file) });
  }
  return sources;
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => IS_YAML.test(name)).toSorted();
  if (names.length === 0)
    throw failure('usage_invalid', { '-f': `${path} has no file that ends in .yaml or .yml` });
  return names.map((name) => join(path, name));
}

/** A text file of a sensible size; `usage_invalid` with its name otherwise. */
export async function readUtf8(path: string): Promise<string> {
  try {
    if ((await stat(path)).size > LARGEST_BYTES)
      throw failure('usage_invalid', { [path]: 'larger than 4 MiB' });
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return failure('usage_invalid', { [path]: 'not UTF-8' });
  return code?.startsWith('E') && !code.startsWith('ERR')
    ? failure('usage_invalid', { [path]: code })
    : error;
}
