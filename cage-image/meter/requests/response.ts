import { factsOf } from '#bounds/models.ts';
import { boundedResponse, boundOfResponse } from '#bounds/response.ts';
import { refuseUnboundedResponse } from '#bounds/response-fields.ts';
import { chatModel } from '../claw-models.ts';
import type { PreparedCall } from '../prepared-call.ts';
import type { AgentRequest, ClawBounds } from './agent-request.ts';
import { parseObject, written } from './json-object.ts';

/** A response made ready: a model of the Claw's, an output limit, not stored. Errors: `meter_request_invalid`, `meter_model_refused`, `meter_unbounded`. */
export function prepareResponse(asked: AgentRequest, claw: ClawBounds): PreparedCall {
  const parsed = parseObject(asked.body);
  const model = chatModel(parsed['model'], claw);
  const facts = factsOf(model);
  const request = boundedResponse(parsed, claw, facts);
  const body = written(request);
  const { accept } = asked;
  const tokens = boundOfResponse(body, request, facts).total;
  return { operation: 'responses', model, method: 'POST', path: '/responses', accept, body, tokens };
}

/** The count of a response's input: the provider counts, nothing is generated, so it costs a request. Errors as above. */
export function prepareInputTokens(asked: AgentRequest, claw: ClawBounds): PreparedCall {
  const parsed = parseObject(asked.body);
  const model = chatModel(parsed['model'], claw);
  refuseUnboundedResponse(parsed);
  return {
    operation: 'input_tokens',
    model,
    method: 'POST',
    path: '/responses/input_tokens',
    accept: asked.accept,
    body: written(parsed),
    tokens: 0,
  };
}
