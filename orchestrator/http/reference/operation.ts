import type { z } from 'zod';
import type { ErrorCode } from '#errors/table.ts';

export const TAGS = {
  Keys: 'Provider keys that you brought. A secret goes in and never comes out.',
  Claws: 'Agents: configured, deployed, stopped, deleted.',
  Tasks: 'One piece of work for one Claw: given, followed, answered, fetched.',
  Batches: 'Many tasks as one body of JSON Lines.',
  Webhooks: 'A call of yours when a task ends, signed as Standard Webhooks are.',
  Usage: 'Requests and tokens, as the providers reported them.',
  Limits:
    'Caps of the organisation, where a Claw stands among all that hold for it, and what a call reserves.',
  System: 'What an operator and his machines ask.',
} as const;

/** One method on one path, with all that the reference says of it. */
export interface Operation {
  /** camelCase, unique. */
  readonly id: string;
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** With parameters in braces. */
  readonly path: string;
  readonly tag: keyof typeof TAGS;
  readonly summary: string;
  readonly description?: string;
  /** Each parameter of the path with what it is; its example is in `PARAMETERS`. */
  readonly query?: z.ZodObject;
  readonly headers?: readonly ('Idempotency-Key' | 'Last-Event-ID')[];
  readonly body?: { readonly schema: z.ZodType; readonly example: unknown; readonly lines?: true };
  readonly reply: Reply;
  /** Beside those that every operation of its kind has: see `errorsOf`. */
  readonly errors?: readonly ErrorCode[];
  /** Needs no token. */
  readonly open?: true;
}

export interface Reply {
  readonly status: number;
  readonly about: string;
  /** `application/json` where there is a schema and nothing is said. */
  readonly type?: string;
  readonly schema?: z.ZodType;
  /** Of each line or event, where it is text. */
  readonly each?: z.ZodType;
  readonly example?: unknown;
}

/** What each name in braces stands for. */
export const PARAMETERS: Readonly<Record<string, { readonly about: string; readonly example: string }>> = {
  key: { about: 'Name of a key.', example: 'openai' },
  claw: { about: 'Name of a Claw.', example: 'writer' },
  task: { about: 'Id of a task.', example: 'task_01jh0a4x2k7v3m9q5t8w' },
  batch: { about: 'Id of a batch.', example: 'batch_01jh0a4x2k7v3m9q5t8w' },
  call: { about: 'Id of a call of a function, as the event or the list tells it.', example: 'call_7Qd2' },
  path: { about: "A file's path below /work/out; slashes stay slashes.", example: 'report/summary.md' },
};

/** All codes that an operation may answer with. */
export function errorsOf({ path, query, body, errors = [], open }: Operation): ErrorCode[] {
  const codes: ErrorCode[] = [];
  if (query || body) codes.push('request_invalid');
  if (body) codes.push('request_too_large');
  if (path.includes('{')) codes.push('not_found');
  if (!open) codes.push('not_authenticated', 'not_allowed', 'store_unavailable');
  return [...new Set<ErrorCode>([...codes, ...errors, 'internal'])];
}
