import { open } from 'node:fs/promises';
import * as z from 'zod/mini';
import { fileLimitMs, fileTouched, workFile } from '../work-path.ts';
import type { Tool } from './tool.ts';

const MAX_READ_BYTES = 1024 * 1024;

interface ReadArguments {
  readonly path: string;
  readonly offset?: number | null | undefined;
}

export const readFile: Tool<ReadArguments> = {
  name: 'read_file',
  describe: () =>
    'Reads a text file in /work. A long file is cut in the middle: use offset (in bytes) to go on, or shell for a part of it.',
  parameters: {
    type: 'object',
    properties: {
      path: { type: 'string', description: 'Relative to /work, or absolute.' },
      offset: { type: 'integer', minimum: 0, description: 'The byte to begin at.' },
    },
    required: ['path'],
    additionalProperties: false,
  },
  arguments: z.object({ path: z.string(), offset: z.nullish(z.number().check(z.int(), z.minimum(0))) }),
  touches: fileTouched,
  limitMs: fileLimitMs,
  run: async (args, { work }) => {
    await using file = await open(await workFile(work, args.path), 'r');
    const start = args.offset ?? 0;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_READ_BYTES), 0, MAX_READ_BYTES, start);
    const { size } = await file.stat();
    const rest = size - start - bytesRead;
    const text = buffer.toString('utf8', 0, bytesRead);
    return rest > 0 ? `${text}\n[${rest} more bytes: go on with offset ${start + bytesRead}]` : text;
  },
};
