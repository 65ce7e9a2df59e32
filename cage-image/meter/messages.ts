import * as z from 'zod/mini';
import { gateAddress } from '#protocol/bootstrap.ts';
import {
  errorBody,
  permitDecision,
  providerTarget,
  sealed,
  unboundedCalls,
  usageCounts,
} from '#protocol/link-messages.ts';

/** What warden and meter say to each other over their socket pair (see channel.ts). Durations in milliseconds. */

const keyUse = {
  provider: providerTarget,
  sealedKey: sealed,
  gate: gateAddress,
};

export const meterTask = z.strictObject({
  type: z.literal('open'),
  taskId: z.string(),
  epoch: z.number(),
  /** The Claw's model, and its models by operation. */
  model: z.string(),
  models: z.record(z.string(), z.array(z.string())),
  maxOutputTokens: z.optional(z.number()),
  permitWaitMs: z.number(),
  requestsPerMinute: z.optional(z.number()),
  tokensPerMinute: z.optional(z.number()),
  /** What calls may do although their cost cannot be bounded, and what each of them reserves. */
  unbounded: z.optional(unboundedCalls),
  ...keyUse,
});
export type MeterTask = z.infer<typeof meterTask>;

export const meterVerification = z.strictObject({
  type: z.literal('verify'),
  /** The AAD of the sealed key is `verify:<cageId>`. */
  cageId: z.string(),
  deadlineMs: z.number(),
  ...keyUse,
});
export type MeterVerification = z.infer<typeof meterVerification>;

export type { PermitDecision } from '#protocol/link-messages.ts';

export const toMeter = z.discriminatedUnion('type', [
  meterTask,
  meterVerification,
  z.strictObject({ type: z.literal('permit'), callId: z.string(), decision: permitDecision }),
  /** The agent is gone: what is still being read may go on for so long, then it is charged in full. */
  z.strictObject({ type: z.literal('finish'), withinMs: z.number() }),
  /** Answered at once by `pong`, by a meter whose event loop turns. */
  z.strictObject({ type: z.literal('ping') }),
]);
export type ToMeter = z.infer<typeof toMeter>;

export const fromMeter = z.discriminatedUnion('type', [
  /** The first message: `agentKey` is the throw-away key of the loopback endpoint on `port`. */
  z.strictObject({ type: z.literal('ready'), publicKey: z.string(), port: z.number(), agentKey: z.string() }),
  /** The key was opened and is in the meter's environment. */
  z.strictObject({ type: z.literal('opened') }),
  z.strictObject({ type: z.literal('not_opened'), error: errorBody }),
  z.strictObject({
    type: z.literal('permit_request'),
    callId: z.string(),
    tokens: z.number(),
    model: z.string(),
    operation: z.string(),
    waitMs: z.number(),
    canTighten: z.optional(z.literal(true)),
    extend: z.optional(z.literal(true)),
  }),
  z.strictObject({ type: z.literal('permit_abandoned'), callId: z.string() }),
  /** The last moment at which bytes of it may have gone out, by the cage's clock: see `sent.ts`. */
  z.strictObject({
    type: z.literal('sent'),
    callId: z.string(),
    agoMs: z.number(),
    atMs: z.number(),
  }),
  z.strictObject({
    type: z.literal('settle'),
    callId: z.string(),
    model: z.string(),
    operation: z.string(),
    usage: z.optional(usageCounts),
    charge: z.enum(['reported', 'full', 'request', 'none']),
    status: z.optional(z.number()),
    durationMs: z.number(),
    providerResetMs: z.optional(z.number()),
  }),
  z.strictObject({
    type: z.literal('verified'),
    ok: z.boolean(),
    models: z.optional(z.array(z.string())),
    error: z.optional(errorBody),
    providerText: z.optional(z.string()),
  }),
  z.strictObject({ type: z.literal('pong') }),
  /** The answer to `finish`: every call is settled. */
  z.strictObject({ type: z.literal('finished') }),
]);
export type FromMeter = z.infer<typeof fromMeter>;
