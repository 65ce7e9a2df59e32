import { boundedChat } from '#bounds/bound-of-call.ts';
import { factsOf } from '#bounds/models.ts';
import { chatModel } from '#bounds/claw-models.ts';
import type { PreparedCall } from '../prepared-call.ts';
import type { AgentRequest, ClawBounds } from './agent-request.ts';
import { asPrepared } from './bounded.ts';
import { parseObject } from './json-object.ts';

/**
 * A chat completion made ready: a model of the Claw's, an output limit, a stream's usage asked for. Errors: `meter_request_invalid`, `meter_model_refused`,
 * `meter_unbounded`.
 */
export function prepareChat(asked: AgentRequest, claw: ClawBounds): PreparedCall {
  const parsed = parseObject(asked.body);
  const model = chatModel(parsed['model'], claw);
  return {
    operation: 'chat',
    model,
    method: 'POST',
    path: '/chat/completions',
    accept: asked.accept,
    ...asPrepared(boundedChat(parsed, factsOf(model), claw)),
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
