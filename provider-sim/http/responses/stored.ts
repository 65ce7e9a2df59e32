import { invalidParameter, ProviderError } from '../../provider-error.ts';
import { page } from '../page.ts';
import type { Visit } from '../visit.ts';
import type { StoredResponse } from './response-store.ts';

/** `GET /v1/responses/:id`. */
export function retrieveResponse(visit: Visit): void {
  visit.exchange.json(200, stored(visit).response);
}

/** `DELETE /v1/responses/:id`. */
export function deleteResponse(visit: Visit): void {
  const { id } = stored(visit).response;
  visit.provider.responses.delete(visit.key, id);
  visit.exchange.json(200, { id, object: 'response', deleted: true });
}

/** `POST /v1/responses/:id/cancel`: only what runs in the background can be cancelled, and nothing here does. */
export function cancelResponse(visit: Visit): void {
  stored(visit);
  throw invalidParameter(null, 'Cannot cancel a synchronous response.');
}

/** `GET /v1/responses/:id/input_items`, the newest first. */
export function listInputItems(visit: Visit): void {
  const { input } = stored(visit);
  const items = input.map((item) => ({
    ...item,
    type: item.type ?? 'message',
    ...('content' in item && {
      content: typeof item.content === 'string' ? [{ type: 'input_text', text: item.content }] : item.content,
    }),
  }));
  visit.exchange.json(200, page(items, visit.query));
}

function stored({ provider, key, params: [id = ''] }: Visit): StoredResponse {
  const found = provider.responses.get(key, id);
  if (found !== undefined) return found;
  throw new ProviderError(404, {
    message: `Response with id '${id}' not found.`,
    type: 'invalid_request_error',
  });
}
