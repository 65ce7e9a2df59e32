import { z } from 'zod';
import { cap, durationMs, name, time } from './common.ts';

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

export const BUILT_IN_TOOLS = ['shell', 'files', 'fetch'] as const;

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

/** How long a task may be in a phase before it is ended as timed out; that of running is `timeoutMs`. */
export const taskTimeouts = z.strictObject({
  /** From its acceptance, or its `notBefore`; of a retry from the end of the attempt before. Null: without end. */
  waitingMs: z
    .int()
    .min(1000)
    .max(30 * 24 * 3600_000)
    .nullable()
    .default(null),
  /** Until its agent runs: the pull of a foreign image, the cage's start, its proof. */
  startingMs: durationMs.default(120_000),
});

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

/**
 * What a call may do although nobody can bound it from its text: each such call then reserves `tokensPerCall`, and the promise of exact caps holds only as
 * far as no call takes more. `count_input`: server-side history is counted by the provider beforehand, which costs a request each time.
 */
export const UNBOUNDED_FEATURES = [
  'hosted_tools',
  'previous_response_id',
  'conversation',
  'remote_images',
  'files',
  'unknown_fields',
] as const;
export const unboundedPolicy = z.strictObject({
  allow: z.array(z.enum(UNBOUNDED_FEATURES)).min(1).max(UNBOUNDED_FEATURES.length),
  tokensPerCall: z.int().min(1).max(1_000_000_000),
  countInput: z.boolean().default(false),
});

/** What an owner sets, with the defaults; `key` is the key's name. */
export const clawFields = {
  model: modelName,
  /** The name of a key. */
  key: name,
  instructions: z.string().max(100_000).default(''),
  requestsPerMinute: cap.nullable().default(null),
  tokensPerMinute: cap.nullable().default(null),
  /** Its share where it meets other Claws at a cap of the key or the organisation: of two, the one with twice the weight gets twice as much. */
  weight: z.int().min(1).max(100).default(1),
  /** Model calls under way at once, all its tasks together; the others wait. Null: no limit. */
  callsAtOnce: z.int().min(1).max(10_000).nullable().default(null),
  /** Calls whose cost cannot be bounded: null refuses them. */
  unbounded: unboundedPolicy.nullable().default(null),
  /** Model calls that the built-in agent may make for one task. */
  maxSteps: z.int().min(1).max(500).default(50),
  /** Tasks that may run at once; the others wait. */
  concurrency: z.int().min(1).max(100).default(2),
  /** Default longest time of a task. */
  timeoutMs: durationMs.default(600_000),
  timeouts: taskTimeouts.default(() => taskTimeouts.parse({})),
  /** How long the agent has to end by itself when its task is cancelled: SIGTERM, then SIGKILL. */
  cancelGraceMs: z.int().min(0).max(600_000).default(1000),
  /** Tasks that may wait; more are refused with `queue_full`. */
  maxQueued: z.int().min(1).max(1_000_000).default(10_000),
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
