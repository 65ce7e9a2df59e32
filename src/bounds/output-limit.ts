import { choicesOf } from './choices.ts';
import type { ModelFacts } from './model-facts.ts';
import { record, type Request } from './request-parts.ts';

/** What limits the output of a call whose agent set no limit of its own. */
export interface OutputCaps {
  readonly tokensPerMinute?: number | undefined;
  /** The Claw's own limit of one call. */
  readonly maxOutputTokens?: number | undefined;
}

/**
 * The chat completion with an output limit where the agent set none. A stream is asked to report its
 * usage. Nothing else is changed, and a limit that the agent set stands. Error: `meter_request_invalid` {field}.
 */
export function withOutputLimit(
  parsed: Request,
  caps: OutputCaps,
  model: ModelFacts,
): Record<string, unknown> {
  const { max_tokens: older, max_completion_tokens: newer, ...rest } = parsed;
  const limits = {
    ...((older ?? undefined) !== undefined && { max_tokens: older }),
    ...((newer ?? undefined) !== undefined && { max_completion_tokens: newer }),
  };
  const limited =
    Object.keys(limits).length > 0
      ? limits
      : { [model.outputField]: defaultLimit(caps, model, choicesOf(parsed)) };
  return {
    ...rest,
    ...limited,
    ...(parsed.stream === true && { stream_options: withUsage(parsed.stream_options) }),
  };
}

/**
 * The smallest of the model's limit, the Claw's, and a quarter of the cap for all choices together, so that a call without a limit does not hold the
 * whole minute.
 */
export function defaultLimit(caps: OutputCaps, model: ModelFacts, choices = 1): number {
  const quarter = (caps.tokensPerMinute ?? Number.POSITIVE_INFINITY) / 4 / choices;
  const own = caps.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  return Math.max(1, Math.floor(Math.min(model.maxOutputTokens, own, quarter)));
}

const withUsage = (options: unknown): Record<string, unknown> => ({
  ...record(options),
  include_usage: true,
});
