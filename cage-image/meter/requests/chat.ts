import { boundOfCall } from '#bounds/bound-of-call.ts';
import { factsOf } from '#bounds/models.ts';
import { withOutputLimit } from '#bounds/output-limit.ts';
import { chatModel } from '../claw-models.ts';
import type { PreparedCall } from '../prepared-call.ts';
import type { AgentRequest, ClawBounds } from './agent-request.ts';
import { parseObject, written } from './json-object.ts';

/**
 * A chat completion made ready: a model of the Claw's, an output limit, a stream's usage asked for. Errors: `meter_request_invalid`, `meter_model_refused`,
 * `meter_unbounded`.
 */
export function prepareChat(asked: AgentRequest, claw: ClawBounds): PreparedCall {
  const parsed = parseObject(asked.body);
  const model = chatModel(parsed['model'], claw);
  const facts = factsOf(model);
  const request = withOutputLimit(parsed, claw, facts);
  const body = written(request);
  return {
    operation: 'chat',
    model,
    method: 'POST',
    path: '/chat/completions',
    accept: asked.accept,
    body,
    tokens: boundOfCall(body, request, facts).total,
    hideUsage: parsed['stream'] === true && !asksForUsage(parsed['stream_options']),
  };
}

function asksForUsage(options: unknown): boolean {
  return (
    typeof options === 'object' &&
    options !== null &&
    (options as Record<string, unknown>)['include_usage'] === true
  );
}
