import { choicesOf } from './bound-of-call.ts';
import type { ModelFacts } from './models.ts';
import { record } from './refused-fields.ts';

/**
 * The request with an output limit where the agent set none: the smaller of the model's own and a quarter of the cap, for
 * all choices together, so that a call without a limit does not hold the whole minute. A stream is asked to report its
 * usage. Nothing else is changed, and a limit that the agent set stands. Error: `meter_request_invalid` {field}.
 */
export function withOutputLimit(
  parsed: Readonly<Record<string, unknown>>,
  caps: { readonly tokensPerMinute?: number | undefined },
  model: ModelFacts,
): Record<string, unknown> {
  const { max_tokens: older, max_completion_tokens: newer, ...rest } = parsed;
  const limits = {
    ...((older ?? undefined) !== undefined && { max_tokens: older }),
    ...((newer ?? undefined) !== undefined && { max_completion_tokens: newer }),
  };
  const limited =
    Object.keys(limits).length > 0 ? limits : { [model.outputField]: defaultLimit(parsed, caps, model) };
  return {
    ...rest,
    ...limited,
    ...(parsed.stream === true && { stream_options: withUsage(parsed.stream_options) }),
  };
}

function defaultLimit(
  parsed: Readonly<Record<string, unknown>>,
  caps: { readonly tokensPerMinute?: number | undefined },
  model: ModelFacts,
): number {
  const quarter = caps.tokensPerMinute === undefined ? Number.POSITIVE_INFINITY : caps.tokensPerMinute / 4;
  return Math.max(1, Math.min(model.maxOutputTokens, Math.floor(quarter / choicesOf(parsed))));
}

const withUsage = (options: unknown): Record<string, unknown> => ({
  ...record(options),
  include_usage: true,
});
