import { boundOfModeration } from '#bounds/moderation.ts';
import { modelFor } from '#bounds/claw-models.ts';
import type { PreparedCall } from '../prepared-call.ts';
import type { AgentRequest, ClawBounds } from './agent-request.ts';
import { parseObject, written } from './json-object.ts';

/** A moderation made ready. Errors: `meter_request_invalid`, `meter_model_refused`, `meter_unbounded`. */
export function prepareModeration({ body: bytes, accept }: AgentRequest, claw: ClawBounds): PreparedCall {
  const parsed = parseObject(bytes);
  const model = modelFor('moderations', parsed['model'], claw);
  const request = { ...parsed, model };
  const tokens = boundOfModeration(request, claw.unbounded).total;
  return {
    operation: 'moderations',
    model,
    method: 'POST',
    path: '/moderations',
    accept,
    body: written(request),
    tokens,
  };
}
