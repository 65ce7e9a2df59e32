import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import * as z from 'zod/mini';
import { fileLimitMs, workPath } from '../work-path.ts';
import type { Tool } from './tool.ts';

const MAX_ENTRIES = 1_000;

interface ListArguments {
  readonly path?: string | null | undefined;
}

export const listFiles: Tool<ListArguments> = {
  name: 'list_files',
  describe: () =>
    `Lists the files in a folder of /work and its folders, with their sizes in bytes; at most ${MAX_ENTRIES}.`,
  parameters: {
    type: 'object',
    properties: {
      path: { type: 'string', description: 'Relative to /work, or absolute; /work where absent.' },
    },
    additionalProperties: false,
  },
  arguments: z.object({ path: z.nullish(z.string()) }),
  // Any file may lie in it: it takes its turn as a command does.
  touches: () => ({ kind: 'command' }),
  limitMs: fileLimitMs,
  run: async (args, { work }) => {
    const folder = await workPath(work, args.path ?? '.');
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
    const shown = await Promise.all(
      files
        .sort()
        .slice(0, MAX_ENTRIES)
        .map((file) => line(folder, file)),
    );
    if (files.length > MAX_ENTRIES) shown.push(`[${files.length - MAX_ENTRIES} more]`);
    return shown.join('\n') || '[no files]';
  },
};

async function line(folder: string, file: string): Promise<string> {
  const size = await stat(file).then(
    (found) => String(found.size),
    () => '?',
  );
  return `${size}\t${relative(folder, file)}`;
}
