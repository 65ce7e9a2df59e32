import { factsOf } from '#bounds/models.ts';
import { boundedResponseCall, countedInput } from '#bounds/response.ts';
import { chatModel } from '#bounds/claw-models.ts';
import type { PreparedCall } from '../prepared-call.ts';
import type { AgentRequest, ClawBounds } from './agent-request.ts';
import { asPrepared } from './bounded.ts';
import { parseObject } from './json-object.ts';

/** A response made ready: a model of the Claw's, an output limit, not stored where the Claw may not go on with it. Errors: `meter_request_invalid`, `meter_model_refused`, `meter_unbounded`. */
export function prepareResponse(asked: AgentRequest, claw: ClawBounds): PreparedCall {
  const parsed = parseObject(asked.body);
  const model = chatModel(parsed['model'], claw);
  const bounded = asPrepared(boundedResponseCall(parsed, factsOf(model), claw));
  return {
    operation: 'responses',
    model,
    method: 'POST',
    path: '/responses',
    accept: asked.accept,
    ...bounded,
  };
}

/** The count of a response's input: the provider counts, nothing is generated, so it costs a request. Errors as above. */
export function prepareInputTokens(asked: AgentRequest, claw: ClawBounds): PreparedCall {
  const parsed = parseObject(asked.body);
  const model = chatModel(parsed['model'], claw);
  return {
    operation: 'input_tokens',
    model,
    method: 'POST',
    path: '/responses/input_tokens',
    accept: asked.accept,
    body: Buffer.from(countedInput(parsed, claw), 'utf8'),
    tokens: 0,
  };
}
