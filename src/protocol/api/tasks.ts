import { z } from 'zod';
import { LIMITS, apiError, durationMs, time } from './common.ts';
import { usageView } from './usage.ts';

export const taskFile = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(200)
    .regex(/^(?!\.{1,2}$)[^/\\\0]+$/, 'a file name without a path'),
  /** Base64. */
  data: z.base64().max(Math.ceil(LIMITS.fileBytes / 3) * 4),
});
/** PNG, JPEG, WebP or GIF, by content; base64 or a data URL. It lies in /work/in too. */
export const taskImage = z.strictObject({
  name: taskFile.shape.name.optional(),
  data: z
    .string()
    .min(1)
    .max(Math.ceil(LIMITS.fileBytes / 3) * 4 + 100),
  detail: z.enum(['auto', 'low', 'high']).default('auto'),
});
const jsonSchema = z.record(z.string(), z.unknown());
/** The form of the answer: text, any JSON object, or JSON by a schema (JSON Schema 2020-12). */
export const answerForm = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json') }),
  z.strictObject({ type: z.literal('json_schema'), schema: jsonSchema }),
]);
/** A function of the caller's that the model may call; the caller answers each call. */
export const taskFunction = z.strictObject({
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
  description: z.string().max(4096).default(''),
  /** JSON Schema of the arguments. */
  parameters: jsonSchema.default({ type: 'object', properties: {} }),
});
export type TaskFunction = z.infer<typeof taskFunction>;
export const taskCreate = z.strictObject({
  text: z.string().min(1).max(LIMITS.textBytes),
  files: z.array(taskFile).max(LIMITS.files).default([]),
  images: z.array(taskImage).max(LIMITS.images).default([]),
  answer: answerForm.default({ type: 'text' }),
  functions: z.array(taskFunction).max(LIMITS.functions).default([]),
  /** How long a call of a function waits for its result. */
  functionWaitMs: durationMs.default(300_000),
  timeoutMs: durationMs.optional(),
  /** Of a Claw's waiting tasks the highest goes first; of equal ones the oldest. */
  priority: z.int().min(-100).max(100).default(0),
  /** Not begun before that time, or that much later than now; one of the two. */
  notBefore: time.optional(),
  delayMs: z
    .int()
    .min(0)
    .max(30 * 24 * 3600_000)
    .optional(),
  /** Ended as timed_out where it has not ended by then. */
  deadline: time.optional(),
  webhook: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .nullable()
    .optional(),
});
export type TaskCreate = z.input<typeof taskCreate>;

export const taskView = z.strictObject({
  id: z.string(),
  claw: z.string(),
  state: z.enum(['queued', 'starting', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out']),
  /** Why it is not moving, where it is not: for example `concurrency`, `claw stopped`, `permit`, `a function's result`. */
  waiting: z.string().nullable(),
  epoch: z.int(),
  priority: z.int(),
  notBefore: time.nullable(),
  deadline: time.nullable(),
  batch: z.string().nullable(),
  /** The caller's name for the task within its batch. */
  ref: z.string().nullable(),
  error: apiError.optional(),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
});
export type TaskView = z.infer<typeof taskView>;
/** GET /tasks/:id */
export const taskReply = z.strictObject({ task: taskView, usage: usageView });
export type TaskReply = z.infer<typeof taskReply>;
/** A file that a task left in /work/out; `path` is relative to it. */
export const outputFile = z.strictObject({ path: z.string(), bytes: z.int() });
export type OutputFile = z.infer<typeof outputFile>;
/** GET /tasks/:id/result; `answer` null where the task did not succeed. GET /tasks/:id/files/<path> gives a file's bytes. */
export const resultReply = z.strictObject({
  task: taskView,
  answer: z.string().nullable(),
  files: z.array(outputFile),
  usage: usageView,
});
export type ResultReply = z.infer<typeof resultReply>;
export const taskList = z.strictObject({
  claw: z.string().optional(),
  state: taskView.shape.state.optional(),
  batch: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});

/** GET /tasks/:id/events (Server-Sent Events); the header Last-Event-ID goes before it. */
export const taskEventsQuery = z.strictObject({ after: z.coerce.number().int().min(0).optional() });

// GET /tasks/:id/calls, POST /tasks/:id/calls/:call
export const functionCall = z.strictObject({
  id: z.string(),
  task: z.string(),
  name: z.string(),
  /** JSON, as the model wrote it. */
  arguments: z.string(),
  askedAt: time,
  deadline: time,
});
export type FunctionCall = z.infer<typeof functionCall>;
export const functionResult = z.strictObject({
  output: z.string().max(LIMITS.textBytes / 2),
  /** False: the model is told that the call failed, with `output` as the reason. */
  ok: z.boolean().default(true),
});
export type FunctionResult = z.infer<typeof functionResult>;
