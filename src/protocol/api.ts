import { z } from 'zod';

/** Wire types of the HTTP API under /api/v1. Times are ISO 8601 in UTC; sizes in bytes; an unknown field is an error. */
export const LIMITS = {
  textBytes: 1024 * 1024,
  fileBytes: 8 * 1024 * 1024,
  files: 32,
  bodyBytes: 24 * 1024 * 1024,
  secretBytes: 4096,
} as const;

const name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'lower-case letters, digits and hyphens, 1 to 63 characters, a letter or digit at both ends',
  );

const time = z.iso.datetime();
const cap = z.int().min(0).max(1_000_000_000);

export const errorReply = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
    requestId: z.string(),
  }),
});
export type ErrorReply = z.infer<typeof errorReply>;

// ---- keys
export const keyCreate = z.strictObject({
  name,
  provider: z.literal('openai'),
  secret: z
    .string()
    .min(8)
    .max(LIMITS.secretBytes)
    .regex(/^[\x21-\x7e]+$/, 'printable ASCII without spaces'),
  baseUrl: z.url({ protocol: /^https?$/ }).default('https://api.openai.com/v1'),
  /** PEM of the endpoint's private CA. */
  ca: z.string().max(65_536).startsWith('-----BEGIN CERTIFICATE-----').optional(),
  verify: z.boolean().default(true),
});
export const keyRotate = keyCreate.pick({ secret: true, verify: true });
export const keyView = z.strictObject({
  id: z.string(),
  name: z.string(),
  provider: z.string(),
  baseUrl: z.string(),
  masked: z.string(),
  version: z.int(),
  state: z.enum(['active', 'revoked']),
  verifiedAt: time.nullable(),
  createdAt: time,
  /** Set where the endpoint is http://: the gate then carries the key in the clear. */
  warning: z.string().optional(),
});
export type KeyView = z.infer<typeof keyView>;

// ---- claws
export const clawCreate = z.strictObject({
  name,
  model: z.string().min(1).max(200),
  /** The name of a key. */
  key: name,
  instructions: z.string().max(100_000).default(''),
  requestsPerMinute: cap.optional(),
  tokensPerMinute: cap.optional(),
  maxSteps: z.int().min(1).max(500).default(50),
  concurrency: z.int().min(1).max(100).default(2),
  /** Default longest time of a task. */
  timeoutMs: z
    .int()
    .min(1000)
    .max(24 * 3600_000)
    .default(600_000),
  deploy: z.boolean().default(false),
});
export type ClawCreate = z.input<typeof clawCreate>;
export const clawPatch = z.strictObject({
  model: clawCreate.shape.model.optional(),
  key: name.optional(),
  instructions: z.string().max(100_000).optional(),
  requestsPerMinute: cap.nullable().optional(),
  tokensPerMinute: cap.nullable().optional(),
  maxSteps: z.int().min(1).max(500).optional(),
  concurrency: z.int().min(1).max(100).optional(),
  timeoutMs: z
    .int()
    .min(1000)
    .max(24 * 3600_000)
    .optional(),
});
export const clawView = z.strictObject({
  id: z.string(),
  name: z.string(),
  model: z.string(),
  key: z.string(),
  instructions: z.string(),
  requestsPerMinute: z.int().nullable(),
  tokensPerMinute: z.int().nullable(),
  maxSteps: z.int(),
  concurrency: z.int(),
  timeoutMs: z.int(),
  state: z.enum(['stopped', 'deployed']),
  createdAt: time,
  updatedAt: time,
});
export type ClawView = z.infer<typeof clawView>;

// ---- tasks
export const taskFile = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(200)
    .regex(/^(?!\.{1,2}$)[^/\\\0]+$/, 'a file name without a path'),
  /** Base64. */
  data: z.base64().max(Math.ceil(LIMITS.fileBytes / 3) * 4),
});
export const taskCreate = z.strictObject({
  text: z.string().min(1).max(LIMITS.textBytes),
  files: z.array(taskFile).max(LIMITS.files).default([]),
  timeoutMs: z
    .int()
    .min(1000)
    .max(24 * 3600_000)
    .optional(),
});
export type TaskCreate = z.input<typeof taskCreate>;
export const apiError = z.strictObject({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});
export const usageView = z.strictObject({
  requests: z.int(),
  inputTokens: z.int(),
  cachedTokens: z.int(),
  outputTokens: z.int(),
  reasoningTokens: z.int(),
  totalTokens: z.int(),
});
export type UsageView = z.infer<typeof usageView>;
export const taskView = z.strictObject({
  id: z.string(),
  claw: z.string(),
  state: z.enum(['queued', 'starting', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out']),
  /** Why it is not moving, where it is not: for example `concurrency`, `claw stopped`, `permit`. */
  waiting: z.string().nullable(),
  epoch: z.int(),
  error: apiError.optional(),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
});
export type TaskView = z.infer<typeof taskView>;
/** GET /tasks/:id */
export const taskReply = z.strictObject({ task: taskView, usage: usageView });
export type TaskReply = z.infer<typeof taskReply>;
/** GET /tasks/:id/result; `answer` null where the task did not succeed. */
export const resultReply = z.strictObject({
  task: taskView,
  answer: z.string().nullable(),
  usage: usageView,
});
export type ResultReply = z.infer<typeof resultReply>;
export const taskList = z.strictObject({
  claw: z.string().optional(),
  state: taskView.shape.state.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});

export const page = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() });

// ---- usage: GET /claws/:name/usage?since=1h
export const usageQuery = z.strictObject({
  since: z
    .string()
    .regex(/^\d{1,6}[smhd]$/, 'a number and s, m, h or d')
    .default('24h'),
});
export const usageReply = z.strictObject({
  claw: z.string(),
  since: time,
  usage: usageView,
  caps: z.strictObject({
    requests: z.strictObject({ used: z.int(), limit: z.int().nullable() }),
    tokens: z.strictObject({ used: z.int(), limit: z.int().nullable() }),
  }),
});
export type UsageReply = z.infer<typeof usageReply>;

// ---- status: GET /readyz, GET /api/v1/status
export const readyReply = z.strictObject({
  ready: z.boolean(),
  parts: z.record(z.string(), z.strictObject({ ok: z.boolean(), reason: z.string().optional() })),
});
export type ReadyReply = z.infer<typeof readyReply>;
export const statusReply = z.strictObject({
  ready: z.boolean(),
  version: z.string(),
  install: z.string(),
  parts: readyReply.shape.parts,
  claws: z.array(
    z.strictObject({
      claw: clawView,
      caps: usageReply.shape.caps,
      usage24h: usageView,
      running: z.int(),
      queued: z.int(),
    }),
  ),
  tasks: z.array(taskView),
  cages: z.array(
    z.strictObject({
      cageId: z.string(),
      claw: z.string().nullable(),
      task: z.string().nullable(),
      state: z.string(),
    }),
  ),
});
export type StatusReply = z.infer<typeof statusReply>;
