import { readFile, stat, writeFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import { fileLimitMs, fileTouched, ToolRefused, workFile } from '../work-path.ts';
import type { Tool } from './tool.ts';

const MAX_EDIT_BYTES = 8 * 1024 * 1024;

interface EditArguments {
  readonly path: string;
  readonly old_text: string;
  readonly new_text: string;
  readonly replace_all?: boolean | null | undefined;
}

export const editFile: Tool<EditArguments> = {
  name: 'edit_file',
  describe: () =>
    'Replaces text in a text file of /work. old_text has to stand in it exactly, with its white space, and once only unless replace_all is true.',
  parameters: {
    type: 'object',
    properties: {
      path: { type: 'string', description: 'Relative to /work, or absolute.' },
      old_text: { type: 'string', description: 'What stands there now.' },
      new_text: { type: 'string', description: 'What takes its place.' },
      replace_all: { type: 'boolean', description: 'Replace every occurrence.' },
    },
    required: ['path', 'old_text', 'new_text'],
    additionalProperties: false,
  },
  arguments: z.object({
    path: z.string(),
    old_text: z.string().check(z.minLength(1)),
    new_text: z.string(),
    replace_all: z.nullish(z.boolean()),
  }),
  touches: fileTouched,
  limitMs: fileLimitMs,
  run: async (args, { work }) => {
    const path = await workFile(work, args.path);
    if ((await stat(path)).size > MAX_EDIT_BYTES)
      throw new ToolRefused(`${args.path} is larger than ${MAX_EDIT_BYTES} bytes: edit it by shell.`);
    const bytes = await readFile(path);
    const text = bytes.toString('utf8');
    if (!Buffer.from(text, 'utf8').equals(bytes))
      throw new ToolRefused(`${args.path} is no text in UTF-8: edit it by shell.`);
    const parts = text.split(args.old_text);
    const found = parts.length - 1;
    if (found === 0)
      throw new ToolRefused(`old_text does not stand in ${args.path}: read the file and copy it exactly.`);
    if (found > 1 && args.replace_all !== true)
      throw new ToolRefused(
        `old_text stands ${found} times in ${args.path}: give more of what surrounds it, or replace_all.`,
      );
    await writeFile(path, parts.join(args.new_text));
    return `${found} ${found === 1 ? 'place' : 'places'} changed in ${args.path}`;
  },
};
