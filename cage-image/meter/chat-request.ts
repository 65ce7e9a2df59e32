import { boundOfCall } from '#bounds/bound-of-call.ts';
import { factsOf } from '#bounds/models.ts';
import { withOutputLimit } from '#bounds/output-limit.ts';
import { CodedError } from '#errors/coded-error.ts';
import type { AllowedCall } from './allow-list.ts';

/** A call as it goes to the provider, with the upper bound of the tokens that it can take. */
export interface PreparedCall {
  readonly kind: AllowedCall['kind'];
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly accept?: string | undefined;
  readonly body?: Buffer | undefined;
  readonly tokens: number;
  /** The agent did not ask for a stream's usage, so it does not see the chunk that holds it. */
  readonly hideUsage: boolean;
}

/**
 * A chat completion of the agent made ready: the Claw's model only, with an output limit, a stream's usage asked for. It is written anew from what was
 * understood, so that the provider cannot read anything else out of it (a field that stands twice). Errors: `meter_request_invalid`, `meter_model_refused`,
 * `meter_unbounded`.
 */
export function prepareChat(
  body: Buffer,
  accept: string | undefined,
  claw: { readonly model: string; readonly tokensPerMinute?: number | undefined },
): PreparedCall {
  const asked = parseObject(body);
  if (asked['model'] !== claw.model) {
    throw new CodedError('meter_model_refused', { reason: `The model of this Claw is ${claw.model}.` });
  }
  const facts = factsOf(claw.model);
  const request = withOutputLimit(asked, { tokensPerMinute: claw.tokensPerMinute }, facts);
  const bytes = Buffer.from(JSON.stringify(request), 'utf8');
  return {
    kind: 'chat',
    method: 'POST',
    path: '/chat/completions',
    accept,
    body: bytes,
    tokens: boundOfCall(bytes, request, facts).total,
    hideUsage: asked['stream'] === true && !asksForUsage(asked['stream_options']),
  };
}

function parseObject(body: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new CodedError('meter_request_invalid', { reason: 'The body is not JSON.' });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CodedError('meter_request_invalid', { reason: 'The body is not a JSON object.' });
  }
  return value as Record<string, unknown>;
}

function asksForUsage(options: unknown): boolean {
  return (
    typeof options === 'object' &&
    options !== null &&
    (options as Record<string, unknown>)['include_usage'] === true
  );
}
