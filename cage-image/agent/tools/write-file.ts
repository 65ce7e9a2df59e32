import { mkdir, writeFile as write } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod/mini';
import { fileLimitMs, fileTouched, workFile } from '../work-path.ts';
import type { Tool } from './tool.ts';

interface WriteArguments {
  readonly path: string;
  readonly content: string;
}

export const writeFile: Tool<WriteArguments> = {
  name: 'write_file',
  describe: () => 'Writes a text file in /work, in place of one that is there. Folders are made.',
  parameters: {
    type: 'object',
    properties: {
      path: { type: 'string', description: 'Relative to /work, or absolute.' },
      content: { type: 'string' },
    },
    required: ['path', 'content'],
    additionalProperties: false,
  },
  arguments: z.object({ path: z.string(), content: z.string() }),
  touches: fileTouched,
  limitMs: fileLimitMs,
  run: async (args, { work }) => {
    const path = await workFile(work, args.path);
    await mkdir(dirname(path), { recursive: true });
    await write(path, args.content);
    return `${Buffer.byteLength(args.content)} bytes written to ${args.path}`;
  },
};
