import * as z from 'zod/mini';

/**
 * What is said over the link once frames, sequence and acknowledgement are taken away (see frames.ts). JSON, UTF-8.
 * Times are durations in milliseconds; the two ends share no clock. Where a moment matters it is one of the cage's clock, which the controller compares with its own (see cage-clock.ts). Versions: see link-versions.ts.
 */

export const errorBody = z.strictObject({
  code: z.string(),
  message: z.string(),
  details: z.optional(z.record(z.string(), z.unknown())),
});

/** HPKE (RFC 9180) ciphertext to the meter's public key; both base64. */
export const sealed = z.strictObject({ enc: z.string(), ciphertext: z.string() });
export type Sealed = z.infer<typeof sealed>;

export const providerTarget = z.strictObject({
  /** For example `https://api.openai.com/v1`. */
  baseUrl: z.string(),
  /** PEM of a private CA, or absent for the system's. */
  ca: z.optional(z.string()),
  organization: z.optional(z.string()),
  project: z.optional(z.string()),
  /** Capability of role `meter`. */
  capability: z.string(),
});
export type ProviderTarget = z.infer<typeof providerTarget>;

/** The parts of the self-proof; `ok` only if every part holds. Reasons are for people. */
export const proof = z.strictObject({
  ok: z.boolean(),
  checks: z.array(z.strictObject({ name: z.string(), ok: z.boolean(), reason: z.optional(z.string()) })),
});
export type Proof = z.infer<typeof proof>;

export const usageCounts = z.strictObject({
  inputTokens: z.number(),
  cachedTokens: z.number(),
  outputTokens: z.number(),
  reasoningTokens: z.number(),
  totalTokens: z.number(),
});
export type UsageCounts = z.infer<typeof usageCounts>;

/**
 * What is left of a cap, and when all of it is free again: of requests and of tokens, each at the level (Claw, key, organisation) that leaves least. Absent where
 * none is capped.
 */
const remainder = z.strictObject({ limit: z.number(), remaining: z.number(), resetMs: z.number() });
export const limitState = z.strictObject({
  requests: z.optional(remainder),
  tokens: z.optional(remainder),
});
export type LimitState = z.infer<typeof limitState>;

// ---- controller -> cage -------------------------------------------------------------------------------------------

const mcpServer = z.union([
  z.strictObject({ command: z.array(z.string()), env: z.record(z.string(), z.string()) }),
  z.strictObject({ url: z.string() }),
]);

/** What an agent gets to know of its task; files and images lie in `/work/in`. */
export const taskInput = z.strictObject({
  text: z.string(),
  files: z.array(z.string()),
  images: z.array(z.strictObject({ name: z.string(), type: z.string(), detail: z.string() })),
  answer: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('text') }),
    z.strictObject({ type: z.literal('json') }),
    z.strictObject({ type: z.literal('json_schema'), schema: z.record(z.string(), z.unknown()) }),
  ]),
  functions: z.array(
    z.strictObject({
      name: z.string(),
      description: z.string(),
      parameters: z.record(z.string(), z.unknown()),
    }),
  ),
  /** How long a call of a function waits for its result. */
  functionWaitMs: z.number(),
});
export type TaskInputMessage = z.infer<typeof taskInput>;

/** What an agent gets to know of its Claw. */
export const clawInput = z.strictObject({
  name: z.string(),
  model: z.string(),
  instructions: z.string(),
  maxSteps: z.number(),
  api: z.enum(['chat', 'responses']),
  /** By operation; `chat` holds the models beside `model`. */
  models: z.record(z.string(), z.array(z.string())),
  maxOutputTokens: z.optional(z.number()),
  contextTokens: z.optional(z.number()),
  tools: z.array(z.string()),
  mcp: z.record(z.string(), mcpServer),
  /** Absent: the built-in agent. */
  command: z.optional(z.array(z.string())),
  /** `host:port` or `http://host:port`. */
  egress: z.array(z.string()),
});
export type ClawInputMessage = z.infer<typeof clawInput>;

export const unboundedCalls = z.strictObject({
  allow: z.array(z.string()),
  tokensPerCall: z.number(),
  countInput: z.boolean(),
});

export const permitDecision = z.union([
  z.strictObject({
    granted: z.literal(true),
    sendWithinMs: z.number(),
    /** The same as a moment of the cage's clock, where that is known: it holds also where this message comes late. */
    sendBeforeMs: z.optional(z.number()),
    limits: z.optional(limitState),
  }),
  z.strictObject({
    granted: z.literal(false),
    error: errorBody,
    retryAfterMs: z.optional(z.number()),
    limits: z.optional(limitState),
    /** It would have to wait with this bound: ask again with a tighter one (and `canTighten` no longer). */
    tighten: z.optional(z.literal(true)),
  }),
]);
export type PermitDecision = z.infer<typeof permitDecision>;

/** The task. Files and images came before it as `file` messages; `sealedKey` opens with info `clawcage/key/1` and aad `<taskId>:<epoch>`. */
export const startMessage = z.strictObject({
  type: z.literal('start'),
  taskId: z.string(),
  epoch: z.number(),
  deadlineMs: z.number(),
  input: taskInput,
  claw: clawInput,
  caps: z.strictObject({
    requestsPerMinute: z.optional(z.number()),
    tokensPerMinute: z.optional(z.number()),
    /** How long one model call may wait for its permit before the agent gets 429. */
    permitWaitMs: z.number(),
    /** What calls may do although their cost cannot be bounded, and what each of them reserves; absent: nothing. */
    unbounded: z.optional(unboundedCalls),
  }),
  provider: providerTarget,
  sealedKey: sealed,
  /** Capability of role `agent`, absent where the egress list is empty. */
  agentCapability: z.optional(z.string()),
  /** PEM of certificate authorities that the agent's programs trust beside the image's. */
  ca: z.optional(z.string()),
});
export type StartMessage = z.infer<typeof startMessage>;

/** Starts a key's verification in place of a task: `GET <baseUrl>/models` with the sealed key (aad `verify:<cageId>`). */
export const verifyKeyMessage = z.strictObject({
  type: z.literal('verify_key'),
  provider: providerTarget,
  sealedKey: sealed,
  deadlineMs: z.number(),
});

export const toCage = z.discriminatedUnion('type', [
  /** A piece of a file that comes with the task; `data` base64, at most 256 KiB decoded; pieces in order. */
  z.strictObject({ type: z.literal('file'), name: z.string(), data: z.string(), last: z.boolean() }),
  startMessage,
  verifyKeyMessage,
  z.strictObject({
    type: z.literal('permit'),
    callId: z.string(),
    decision: permitDecision,
  }),
  /** Ends the task: SIGTERM to the agent, after `graceMs` SIGKILL; the cage answers with `result`. */
  z.strictObject({
    type: z.literal('cancel'),
    reason: z.enum(['cancelled', 'timed_out']),
    graceMs: z.number(),
  }),
  /** The answer to a `function_call`; one that is answered already, or no longer waits, is passed over. */
  z.strictObject({
    type: z.literal('function_result'),
    callId: z.string(),
    ok: z.boolean(),
    output: z.string(),
  }),
  /**
   * After a result: kill every process but PID 1 and the warden, empty what can be written, start a new meter, prove again; answered by
   * `ready`. For Claws that keep their cage.
   */
  z.strictObject({ type: z.literal('reset') }),
  z.strictObject({ type: z.literal('ping'), id: z.number() }),
  /** Nothing more is wanted of this cage: it exits. */
  z.strictObject({ type: z.literal('end') }),
]);
export type ToCage = z.infer<typeof toCage>;

// ---- cage -> controller -------------------------------------------------------------------------------------------

/** What the task's watchers see. Content: in transit only, never logged. */
export const agentEvent = z.discriminatedUnion('kind', [
  /** A piece of the answer's text, in order. */
  z.strictObject({ kind: z.literal('text'), text: z.string() }),
  z.strictObject({ kind: z.literal('tool_call'), id: z.string(), name: z.string(), arguments: z.string() }),
  z.strictObject({
    kind: z.literal('tool_result'),
    id: z.string(),
    name: z.string(),
    ok: z.boolean(),
    output: z.string(),
  }),
  /** A step of the loop begins; or why nothing moves (`waiting for a permit`). */
  z.strictObject({ kind: z.literal('status'), status: z.string() }),
  /** What the agent's process writes to stderr. */
  z.strictObject({ kind: z.literal('log'), text: z.string() }),
]);
export type AgentEvent = z.infer<typeof agentEvent>;

export const fromCage = z.discriminatedUnion('type', [
  /** The task's agent process runs. */
  z.strictObject({ type: z.literal('started'), taskId: z.string(), epoch: z.number() }),
  z.strictObject({ type: z.literal('event'), taskId: z.string(), event: agentEvent }),
  /** The meter wants to make one call of at most `tokens` tokens. */
  z.strictObject({
    type: z.literal('permit_request'),
    taskId: z.string(),
    epoch: z.number(),
    callId: z.string(),
    tokens: z.number(),
    model: z.string(),
    operation: z.string(),
    waitMs: z.number(),
    /** The meter can tell a tighter bound, at a cost: it wants to be asked for it before it waits. */
    canTighten: z.optional(z.literal(true)),
    /** It was permitted and is on its way, slowly: more time is wanted for it, nothing else. */
    extend: z.optional(z.literal(true)),
  }),
  /** The meter no longer waits for this permit. */
  z.strictObject({ type: z.literal('permit_abandoned'), callId: z.string() }),
  /** The call's bytes went out `agoMs` before this message was written, at `atMs` of the cage's clock. */
  z.strictObject({
    type: z.literal('sent'),
    callId: z.string(),
    agoMs: z.number(),
    atMs: z.optional(z.number()),
  }),
  /**
   * The call is over. `usage` as the provider reported it; absent with `charge: full` where nothing was reported, absent
   * with `charge: none` where the call was dropped before sending, and `charge: request` for a 4xx without usage.
   */
  z.strictObject({
    type: z.literal('settle'),
    taskId: z.string(),
    callId: z.string(),
    model: z.string(),
    operation: z.string(),
    usage: z.optional(usageCounts),
    charge: z.enum(['reported', 'full', 'request', 'none']),
    status: z.optional(z.number()),
    durationMs: z.number(),
    /** The provider's own limit refused it (429), and so long it will refuse others of the same key. */
    providerResetMs: z.optional(z.number()),
  }),
  /** The agent calls a function of the caller's. Sent again to every new controller while it is not answered; the id stays. */
  z.strictObject({
    type: z.literal('function_call'),
    taskId: z.string(),
    epoch: z.number(),
    callId: z.string(),
    name: z.string(),
    arguments: z.string(),
    waitMs: z.number(),
  }),
  /** Nobody answered in time, or the agent has ended: the call no longer waits. */
  z.strictObject({ type: z.literal('function_call_over'), taskId: z.string(), callId: z.string() }),
  /** A piece of a file of `/work/out`, before the result; `data` base64, at most 192 KiB decoded; pieces in order from 0. */
  z.strictObject({
    type: z.literal('output_file'),
    taskId: z.string(),
    epoch: z.number(),
    path: z.string(),
    piece: z.number(),
    last: z.boolean(),
    data: z.string(),
  }),
  /** The answer to `reset`: a new meter, proven anew. */
  z.strictObject({ type: z.literal('ready'), meterPublicKey: z.string(), proof }),
  z.strictObject({
    type: z.literal('result'),
    taskId: z.string(),
    epoch: z.number(),
    state: z.enum(['succeeded', 'failed', 'cancelled', 'timed_out']),
    answer: z.optional(z.string()),
    error: z.optional(errorBody),
  }),
  /** The answer to `verify_key`. `providerText` has the key taken out. */
  z.strictObject({
    type: z.literal('key_verified'),
    ok: z.boolean(),
    models: z.optional(z.array(z.string())),
    error: z.optional(errorBody),
    providerText: z.optional(z.string()),
  }),
  z.strictObject({ type: z.literal('pong'), id: z.number(), clockMs: z.optional(z.number()) }),
]);
export type FromCage = z.infer<typeof fromCage>;

// ---- handshake, unnumbered, once per connection -------------------------------------------------------------------

/** The controller speaks first. `epoch` is the controller's (see cages.epoch); `lastSeq` the last message of the cage that it has handled. */
export const resumeMessage = z.strictObject({
  type: z.literal('resume'),
  versions: z.array(z.number()),
  epoch: z.number(),
  lastSeq: z.number(),
});
export type ResumeMessage = z.infer<typeof resumeMessage>;

/** The cage answers. With a newer epoch the controller's own numbering begins anew at 1 (`lastSeq: 0`). */
export const helloMessage = z.strictObject({
  type: z.literal('hello'),
  /** The one that is spoken from here on: the newest that both ends have. */
  version: z.number(),
  /** All that the cage speaks; absent where version 2 is spoken, which does not know this field. */
  versions: z.optional(z.array(z.number())),
  cageId: z.string(),
  epoch: z.number(),
  lastSeq: z.number(),
  /** The number of the next message of the cage; what lies between it and the controller's `lastSeq` was acknowledged by an earlier controller. */
  nextSeq: z.number(),
  /** HPKE public key of the meter, base64; it changes when the meter is replaced between tasks. */
  meterPublicKey: z.string(),
  proof,
  /** What the cage is doing: a task that runs (or whose result waits to be acknowledged), or nothing. */
  task: z.optional(
    z.strictObject({
      taskId: z.string(),
      epoch: z.number(),
      /** The number of the last event of the task that a controller has acknowledged. From version 4 on. */
      ackedEvent: z.optional(z.number()),
      /** The agent had a model's answer or called a tool. From version 4 on. */
      acted: z.optional(z.literal(true)),
    }),
  ),
  /** The cage's clock now: its machine's monotonic one (CLOCK_MONOTONIC), in milliseconds. From version 4 on. */
  clockMs: z.optional(z.number()),
});
export type HelloMessage = z.infer<typeof helloMessage>;

/** In place of `hello`, before closing: `link_superseded` or `link_version`. */
export const refuseMessage = z.strictObject({ type: z.literal('refuse'), error: errorBody });
export type RefuseMessage = z.infer<typeof refuseMessage>;
