import { requireModel, type Operation } from './models.ts';
import type { Visit } from './visit.ts';

/**
 * Lets a call to a model in and books it: throws OpenAI's error where the model is not there or not for this, and its 429 where the key's
 * limits are reached. The answer's headers tell of them.
 */
export function admit(visit: Visit, operation: Operation, model: string, inputTokens: number): void {
  const { exchange, provider, key } = visit;
  const { booking } = exchange;
  booking.model = model;
  requireModel(provider.models, model, operation);
  booking.offeredTokens = inputTokens;
  const entry = provider.windows.enter(key, inputTokens, model);
  exchange.headers = entry.headers;
  booking.onEntered = ({ totalTokens }) => entry.settle(totalTokens);
}
