import { z } from 'zod';
import {
  agentSettings,
  cageResources,
  clawCreate,
  clawFields,
  retryPolicy,
  taskTimeouts,
  unboundedPolicy,
} from '#protocol/api.ts';
import { DURATION, durationOf, mebibytesOf, msOf, SIZE, sizeOf } from './units.ts';

/**
 * A document of claw.yaml: the fields of `clawCreate` in the form that people write, with spans of time and sizes in units. What each
 * field means is said here once: the published JSON Schema and the table in docs/claw-yaml.md are made from it.
 */
export const API_VERSION = 'clawcage/v1';

interface Form {
  readonly pattern: RegExp;
  readonly read: (text: string) => number | undefined;
  readonly write: (n: number) => string;
  readonly hint: string;
}

/** Of a number of the wire the form with a unit, within the same bounds. */
function inUnits(wire: z.ZodInt, form: Form) {
  const { minValue, maxValue } = wire;
  const [least, most] = [form.write(minValue ?? 0), form.write(maxValue ?? 0)];
  return z
    .string(form.hint)
    .regex(form.pattern, form.hint)
    .transform((text) => form.read(text) ?? Number.NaN)
    .refine((n) => n >= (minValue ?? 0) && n <= (maxValue ?? 0), `between ${least} and ${most}`);
}

const DURATIONS: Form = {
  pattern: DURATION,
  read: msOf,
  write: durationOf,
  hint: 'a whole number and ms, s, m, h or d, such as 90s or 10m',
};
const SIZES: Form = {
  pattern: SIZE,
  read: mebibytesOf,
  write: sizeOf,
  hint: 'a whole number and MiB or GiB, such as 512MiB',
};

const duration = (wire: z.ZodDefault<z.ZodInt>) =>
  inUnits(wire.unwrap(), DURATIONS).prefault(durationOf(wire.parse(undefined)));
/** A span that may be without end. */
const durationOrNone = (wire: z.ZodDefault<z.ZodNullable<z.ZodInt>>) =>
  inUnits(wire.unwrap().unwrap(), DURATIONS)
    .nullable()
    .prefault(noneOr(wire.parse(undefined)));
const noneOr = (ms: number | null): string | null => (ms === null ? null : durationOf(ms));
const size = (wire: z.ZodDefault<z.ZodInt>) =>
  inUnits(wire.unwrap(), SIZES).prefault(sizeOf(wire.parse(undefined)));

/** A text, or the file that holds it, beside the document. */
const fileReference = z.strictObject({ file: z.string().min(1).max(4096) });

/** The fields whose text may lie in a file of its own. */
export const TEXT_FIELDS = ['instructions', 'ca'] as const;

const agent = agentSettings.shape;
const retry = retryPolicy.shape;
const resources = cageResources.shape;
const timeouts = taskTimeouts.shape;

const agentForm = z.strictObject({
  command: agent.command.describe(
    'program and arguments of an agent of your own; without one the built-in agent',
  ),
  image: agent.image.describe('container image that the agent runs in, over which ours is laid'),
  tools: agent.tools.describe('tools that the built-in agent offers to the model'),
  mcp: agent.mcp.describe(
    'MCP servers of the built-in agent by name: `command` (with `env`) in the cage, or `url` on the egress list',
  ),
});
const retryForm = z.strictObject({
  attempts: retry.attempts.describe('attempts in all'),
  backoff: duration(retry.backoffMs).describe('wait before the second attempt; it doubles from then on'),
  maxBackoff: duration(retry.maxBackoffMs).describe('longest wait between two attempts'),
  idempotent: retry.idempotent.describe('try again even where the agent had begun to act'),
});
const timeoutsForm = z.strictObject({
  waiting: durationOrNone(timeouts.waitingMs).describe(
    'longest time that a task waits for its start (a retry: since the attempt before); null is without end',
  ),
  starting: duration(timeouts.startingMs).describe(
    'longest time until its agent runs, the pull of a foreign image included',
  ),
});
const unbounded = unboundedPolicy.shape;
const unboundedForm = z.strictObject({
  allow: unbounded.allow.describe('what such a call may use'),
  tokensPerCall: unbounded.tokensPerCall.describe('tokens that each such call reserves'),
  countInput: unbounded.countInput.describe(
    'ask the provider beforehand how many tokens the history on its side is, at the cost of a request',
  ),
});
const resourcesForm = z.strictObject({
  memory: size(resources.memoryMiB).describe('memory of the cage, swap included'),
  cpus: resources.cpus.describe('processors; fractions are fine'),
  pids: resources.pids.describe('processes and threads at once'),
  work: size(resources.workMiB).describe('room in /work, held in memory'),
  tmp: size(resources.tmpMiB).describe('room in /tmp, held in memory'),
});

export const clawDocument = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).optional().describe('version of this form; may be left out'),
    kind: z.literal('Claw').optional().describe('what the document is; may be left out'),
    name: clawCreate.shape.name.describe('name of the Claw, by which it is found again'),
    model: clawFields.model.describe("the provider's name of the model"),
    key: clawFields.key.describe('name of a key of `clawcage keys`; never the secret itself'),
    instructions: z
      .union([clawFields.instructions.unwrap(), fileReference])
      .default('')
      .describe('what it is for, sent to the model with every task; a text, or `{file: prompt.md}`'),
    requestsPerMinute: clawFields.requestsPerMinute.describe(
      'cap on model calls in any 60 s; null is no cap',
    ),
    tokensPerMinute: clawFields.tokensPerMinute.describe(
      'cap on tokens, input and output, in any 60 s; null is no cap',
    ),
    weight: clawFields.weight.describe(
      'share among the Claws that meet at a cap of the key or organisation; twice the weight, twice the share',
    ),
    callsAtOnce: clawFields.callsAtOnce.describe(
      'model calls under way at once, all tasks together; null is no limit',
    ),
    unbounded: unboundedForm
      .nullable()
      .default(null)
      .describe('calls whose cost cannot be bounded, with what each of them reserves; null refuses them'),
    maxSteps: clawFields.maxSteps.describe('model calls that the built-in agent may make for one task'),
    concurrency: clawFields.concurrency.describe('tasks that may run at once; the others wait'),
    timeout: duration(clawFields.timeoutMs).describe('longest time of a task, unless the task names another'),
    timeouts: timeoutsForm
      .prefault({})
      .describe('longest times before it runs; past one of them the task ends as timed out'),
    cancelGrace: duration(clawFields.cancelGraceMs).describe(
      'how long the agent of a cancelled task has between SIGTERM and SIGKILL',
    ),
    maxQueued: clawFields.maxQueued.describe('tasks that may wait; more are refused with `queue_full`'),
    api: clawFields.api.describe('what the built-in agent speaks; local model servers know only `chat`'),
    models: clawFields.models.describe(
      'models beside `model`, by operation, such as `images: [gpt-image-2]`',
    ),
    maxOutputTokens: clawFields.maxOutputTokens.describe(
      "output tokens of a call that sets no limit; null is the model's, or a quarter of the cap",
    ),
    contextTokens: clawFields.contextTokens.describe(
      "the model's window in tokens; null is what is known of it",
    ),
    agent: agentForm.prefault({}).describe('the program that does the work'),
    egress: clawFields.egress.describe(
      'exact hosts that it may reach: `host`, `host:port` (TLS) or `http://host:port`',
    ),
    ca: z
      .union([clawFields.ca.unwrap(), fileReference])
      .default(null)
      .describe('certificate authorities that the cage trusts besides; PEM, or `{file: ca.pem}`'),
    retry: retryForm
      .prefault({})
      .describe('what happens after an attempt that failed through no fault of its own'),
    webhook: clawFields.webhook.describe('address that is called when a task ends'),
    reuse: clawFields.reuse.describe('a cage for each `task`, or one kept for the next task of the `claw`'),
    idle: duration(clawFields.idleMs).describe('with `reuse: claw`, how long a cage waits for the next task'),
    resources: resourcesForm.prefault({}).describe('what a cage may use'),
    deploy: z
      .boolean()
      .optional()
      .describe('true deploys it, false stops it; left out, it stays as it is (a new one is stopped)'),
  })
  .describe('A Claw of ClawCage');
export type ClawDocument = z.output<typeof clawDocument>;
/** As it is written: spans and sizes are texts, and what is left out has its default. */
export type ClawForm = z.input<typeof clawDocument>;
