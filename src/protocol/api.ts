import { z } from 'zod';

/** Wire types of the HTTP API under /api/v1. Times are ISO 8601 in UTC; sizes in bytes; an unknown field is an error. */
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
const durationMs = z
  .int()
  .min(1000)
  .max(24 * 3600_000);

/** What a Claw may use a model for; `chat` is chat completions and responses. */
export const OPERATIONS = [
  'chat',
  'embeddings',
  'images',
  'speech',
  'transcriptions',
  'translations',
  'moderations',
] as const;
export type Operation = (typeof OPERATIONS)[number];

export const BUILT_IN_TOOLS = ['shell', 'files', 'fetch'] as const;
export type BuiltInTool = (typeof BUILT_IN_TOOLS)[number];

const modelName = z.string().min(1).max(200);
const models = z.array(modelName).max(50);

/** An MCP server of the built-in agent: a command in the cage (stdio), or an address of the egress list (streamable HTTP). */
export const mcpServer = z.union([
  z.strictObject({
    command: z.array(z.string().min(1).max(4096)).min(1).max(64),
    env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(4096)).default({}),
  }),
  z.strictObject({ url: z.url({ protocol: /^https?$/ }) }),
]);
export type McpServer = z.infer<typeof mcpServer>;

/** The agent of a Claw; without `command` the built-in one. */
export const agentSettings = z.strictObject({
  /** Program and arguments. */
  command: z.array(z.string().min(1).max(32_768)).min(1).max(256).nullable().default(null),
  /** A container image to run it in, over which ours is laid. */
  image: z.string().min(1).max(300).nullable().default(null),
  /** Tools that the built-in agent offers to the model. */
  tools: z
    .array(z.enum(BUILT_IN_TOOLS))
    .max(BUILT_IN_TOOLS.length)
    .default([...BUILT_IN_TOOLS]),
  mcp: z.record(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,30}$/), mcpServer).default({}),
});
export type AgentSettings = z.infer<typeof agentSettings>;

/** Attempts in all; the wait before the next doubles from `backoffMs` up to `maxBackoffMs`. */
export const retryPolicy = z.strictObject({
  attempts: z.int().min(1).max(20).default(3),
  backoffMs: z.int().min(0).max(3600_000).default(1000),
  maxBackoffMs: z
    .int()
    .min(0)
    .max(24 * 3600_000)
    .default(60_000),
  /** A task may be tried again although its agent had begun to act: after its first model answer or tool call. */
  idempotent: z.boolean().default(false),
});
export type RetryPolicy = z.infer<typeof retryPolicy>;

export const cageResources = z.strictObject({
  memoryMiB: z.int().min(128).max(1_048_576).default(512),
  cpus: z.number().min(0.1).max(256).default(1),
  pids: z.int().min(32).max(32_768).default(256),
  workMiB: z.int().min(16).max(1_048_576).default(256),
  tmpMiB: z.int().min(4).max(1_048_576).default(64),
});
export type CageResourceSettings = z.infer<typeof cageResources>;

/** `host` and `host:port` mean TLS (port 443); `http://host:port` without. Exact hosts. */
const egressEntry = z
  .string()
  .max(300)
  .regex(
    /^(http:\/\/)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?$/,
    'host, host:port or http://host:port',
  );

/** What an owner sets, with the defaults; `key` is the key's name. */
export const clawFields = {
  model: modelName,
  /** The name of a key. */
  key: name,
  instructions: z.string().max(100_000).default(''),
  requestsPerMinute: cap.nullable().default(null),
  tokensPerMinute: cap.nullable().default(null),
  /** Model calls that the built-in agent may make for one task. */
  maxSteps: z.int().min(1).max(500).default(50),
  /** Tasks that may run at once; the others wait. */
  concurrency: z.int().min(1).max(100).default(2),
  /** Default longest time of a task. */
  timeoutMs: durationMs.default(600_000),
  /** Which of the two the built-in agent speaks; local servers know only the first. */
  api: z.enum(['chat', 'responses']).default('chat'),
  /** Models beside `model`, by operation. An operation without one is refused, but for chat. */
  models: z.partialRecord(z.enum(OPERATIONS), models).default({}),
  /** Output tokens of a call that sets no limit of its own; null: the model's, or a quarter of the cap. */
  maxOutputTokens: z.int().min(1).max(10_000_000).nullable().default(null),
  /** The model's window where it is not a known one; null: what is known of it. */
  contextTokens: z.int().min(1000).max(100_000_000).nullable().default(null),
  agent: agentSettings.default(() => agentSettings.parse({})),
  egress: z.array(egressEntry).max(200).default([]),
  /** PEM of certificate authorities that the cage trusts beside the usual ones. */
  ca: z.string().max(262_144).startsWith('-----BEGIN CERTIFICATE-----').nullable().default(null),
  retry: retryPolicy.default(() => retryPolicy.parse({})),
  /** Called when a task of the Claw ends, unless the task names another. */
  webhook: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .nullable()
    .default(null),
  /** `task`: a cage for each task; `claw`: kept for the Claw's next task until `idleMs` pass, emptied between them. */
  reuse: z.enum(['task', 'claw']).default('task'),
  idleMs: durationMs.default(600_000),
  resources: cageResources.default(() => cageResources.parse({})),
};

export const clawCreate = z.strictObject({ name, ...clawFields, deploy: z.boolean().default(false) });
export type ClawCreate = z.input<typeof clawCreate>;
const { model, key, ...withDefaults } = clawFields;
type Unwrapped = {
  [Field in keyof typeof withDefaults]: z.ZodOptional<ReturnType<(typeof withDefaults)[Field]['unwrap']>>;
};
/** A field that is left out stays as it is; one that is there is replaced whole. */
export const clawPatch = z.strictObject({
  model: model.optional(),
  key: key.optional(),
  ...(Object.fromEntries(
    Object.entries(withDefaults).map(([field, schema]) => [field, schema.unwrap().optional()]),
  ) as unknown as Unwrapped),
});
export type ClawPatch = z.input<typeof clawPatch>;
/** Fills in the defaults of what an owner left out. */
export const clawDefaults = z.strictObject(clawFields);
export type ClawFields = z.output<typeof clawDefaults>;
export const clawView = z.strictObject({
  id: z.string(),
  name: z.string(),
  ...clawFields,
  state: z.enum(['stopped', 'deployed']),
  createdAt: time,
  updatedAt: time,
});
export type ClawView = z.output<typeof clawView>;
export const clawList = z.strictObject({
  state: z.enum(['stopped', 'deployed']).optional(),
  key: name.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});
export const keyList = z.strictObject({
  state: z.enum(['active', 'revoked']).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});
/** GET /keys/:name/models: what the provider offers to this key, asked by a meter; kept for minutes. */
export const keyModelsReply = z.strictObject({
  key: z.string(),
  models: z.array(z.string()),
  askedAt: time,
});
export type KeyModelsReply = z.infer<typeof keyModelsReply>;

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
export type AnswerForm = z.infer<typeof answerForm>;
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

// ---- calls of a task's functions: GET /tasks/:id/calls, POST /tasks/:id/calls/:call
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

// ---- batches: POST /claws/:name/batches (JSON Lines of batchLine), GET /batches, GET /batches/:id, POST /batches/:id/cancel
/** A line: a task, and a name for it. */
export const batchLine = z.strictObject({ ...taskCreate.shape, ref: z.string().min(1).max(200).optional() });
export const batchView = z.strictObject({
  id: z.string(),
  claw: z.string(),
  total: z.int(),
  /** Tasks by state; states without one are left out. */
  states: z.partialRecord(taskView.shape.state, z.int()),
  done: z.boolean(),
  createdAt: time,
});
export type BatchView = z.infer<typeof batchView>;
export const batchReply = z.strictObject({ batch: batchView, usage: usageView });
export type BatchReply = z.infer<typeof batchReply>;
export const batchList = z.strictObject({
  claw: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});
/** A line of GET /batches/:id/results (JSON Lines): tasks that have ended, in their order. */
export const batchResult = z.strictObject({
  task: z.string(),
  ref: z.string().nullable(),
  state: taskView.shape.state,
  answer: z.string().nullable(),
  error: apiError.optional(),
});
export type BatchResult = z.infer<typeof batchResult>;

// ---- webhooks: GET /webhooks/secret, POST /webhooks/secret/rotate, GET /tasks/:id/deliveries
/** Standard Webhooks: the secret `whsec_…` that signs every delivery of this organisation. */
export const webhookSecretReply = z.strictObject({ secret: z.string() });
/** The body of a delivery: ids and counts, no content. */
export const webhookBody = z.strictObject({
  type: z.literal('task.ended'),
  timestamp: time,
  data: taskReply,
});
export type WebhookBody = z.infer<typeof webhookBody>;
export const deliveryView = z.strictObject({
  id: z.string(),
  task: z.string(),
  url: z.string(),
  state: z.enum(['waiting', 'delivered', 'failed']),
  attempts: z.int(),
  /** The HTTP status that came last; null where none came. */
  lastStatus: z.int().nullable(),
  /** Why the last attempt failed: a code of the table, where it was not a status. */
  lastError: z.string().nullable().optional(),
  nextAt: time.nullable(),
  createdAt: time,
});
export type DeliveryView = z.infer<typeof deliveryView>;

export const deliveryList = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});

/** GET /tasks/:id/events (Server-Sent Events); the header Last-Event-ID goes before it. */
export const taskEventsQuery = z.strictObject({ after: z.coerce.number().int().min(0).optional() });

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

/** GET /usage: counts by period and, where asked, by claw, key, model or task. Periods begin on the full minute, hour or day of the time zone. */
export const usageReportQuery = z.strictObject({
  claw: z.string().optional(),
  key: z.string().optional(),
  model: z.string().optional(),
  task: z.string().optional(),
  by: z.enum(['minute', 'hour', 'day', 'all']).default('hour'),
  group: z.enum(['none', 'claw', 'key', 'model', 'task', 'operation']).default('none'),
  /** IANA name. */
  timeZone: z.string().max(64).default('UTC'),
  since: z.union([z.string().regex(/^\d{1,6}[smhd]$/), time]).default('24h'),
  until: time.optional(),
  limit: z.coerce.number().int().min(1).max(2000).default(500),
  cursor: z.string().optional(),
});
export const usageRow = z.strictObject({
  /** Null with `by=all`. */
  from: time.nullable(),
  to: time.nullable(),
  /** The name (of a task its id) of what it is grouped by; null with `group=none`. */
  group: z.string().nullable(),
  usage: usageView,
});
export type UsageRow = z.infer<typeof usageRow>;
export const usageReport = z.strictObject({
  since: time,
  until: time,
  timeZone: z.string(),
  items: z.array(usageRow),
  total: usageView,
  nextCursor: z.string().nullable(),
});
export type UsageReport = z.infer<typeof usageReport>;

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

// ---- doctor: GET /api/v1/doctor?cage=false
/** `cage=false` leaves out the proof of a cage, which takes a second. */
export const doctorQuery = z.strictObject({ cage: z.enum(['true', 'false']).default('true') });
export const doctorCheck = z.strictObject({
  name: z.string(),
  ok: z.boolean(),
  /** What was found, in a few words. */
  found: z.string().optional(),
  /** Where it is not ok: why, and what to do. */
  reason: z.string().optional(),
  remedy: z.string().optional(),
  ms: z.int(),
});
export type DoctorCheck = z.infer<typeof doctorCheck>;
export const doctorReply = z.strictObject({ ok: z.boolean(), checks: z.array(doctorCheck) });
export type DoctorReply = z.infer<typeof doctorReply>;
