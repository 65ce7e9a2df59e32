import { boundedEmbedding } from '#bounds/embedding.ts';
import { modelFor } from '#bounds/claw-models.ts';
import type { PreparedCall } from '../prepared-call.ts';
import type { AgentRequest, ClawBounds } from './agent-request.ts';
import { asPrepared } from './bounded.ts';
import { parseObject } from './json-object.ts';

/** Embeddings made ready. Errors: `meter_request_invalid`, `meter_model_refused`, `meter_unbounded`. */
export function prepareEmbedding({ body: bytes, accept }: AgentRequest, claw: ClawBounds): PreparedCall {
  const parsed = parseObject(bytes);
  const model = modelFor('embeddings', parsed['model'], claw);
  const bounded = asPrepared(boundedEmbedding({ ...parsed, model }, claw));
  return { operation: 'embeddings', model, method: 'POST', path: '/embeddings', accept, ...bounded };
}
