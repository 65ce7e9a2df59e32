import { z } from 'zod';

/** In bytes, characters of UTF-8 text as their bytes; the others are numbers of things. */
export const LIMITS = {
  textBytes: 1024 * 1024,
  fileBytes: 8 * 1024 * 1024,
  files: 32,
  images: 16,
  bodyBytes: 24 * 1024 * 1024,
  secretBytes: 4096,
  schemaBytes: 64 * 1024,
  functions: 64,
  /** What a task may leave in /work/out: files, bytes of one, bytes of all. */
  outputFiles: 100,
  outputFileBytes: 16 * 1024 * 1024,
  outputBytes: 64 * 1024 * 1024,
  batchTasks: 10_000,
  batchBytes: 64 * 1024 * 1024,
} as const;

export const name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'lower-case letters, digits and hyphens, 1 to 63 characters, a letter or digit at both ends',
  );

export const time = z.iso.datetime();
export const cap = z.int().min(0).max(1_000_000_000);

export const errorReply = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
    requestId: z.string(),
  }),
});
export type ErrorReply = z.infer<typeof errorReply>;

export const durationMs = z
  .int()
  .min(1000)
  .max(24 * 3600_000);

export const apiError = z.strictObject({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});

export const page = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() });
