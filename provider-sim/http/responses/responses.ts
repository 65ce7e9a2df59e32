import { planFor } from '../../model/plan-for.ts';
import { Production } from '../../model/produce.ts';
import { promptTokens } from '../../prompt-tokens.ts';
import { ProviderError } from '../../provider-error.ts';
import { admit } from '../admit.ts';
import { jsonBody } from '../body.ts';
import { makeId } from '../ids.ts';
import type { Visit } from '../visit.ts';
import { responseAtOnce, responseInStream } from './answer.ts';
import { promptOfItems } from './prompt-of-items.ts';
import { ResponseDraft, type ResponseObject } from './response-object.ts';
import {
  inputItems,
  parseResponsesRequest,
  type InputItem,
  type ResponsesRequest,
} from './responses-request.ts';

/** `POST /v1/responses`. */
export async function createResponse(visit: Visit): Promise<void> {
  const { exchange, provider, key } = visit;
  const { booking } = exchange;
  const request = parseResponsesRequest(await jsonBody(exchange.request));
  booking.streamed = request.stream === true;
  const conversation = conversationOf(visit, request);
  const prompt = promptOfItems(request, conversation);
  const tokens = promptTokens(prompt);
  admit(visit, 'responses', request.model, tokens);
  const plan = planFor(prompt, key, provider.attempts);
  exchange.manners = plan.manners ?? {};
  booking.note = plan.note ?? null;
  booking.inputTokens = tokens;
  booking.cachedTokens = provider.cache.cachedTokens(key, prompt, tokens);
  const production = new Production(plan, request.max_output_tokens ?? undefined);
  const input = { tokens, cached: booking.cachedTokens };
  const draft = new ResponseDraft(request, production, input, plan.reportsUsage);
  const keep = (response: ResponseObject) => {
    if (request.store !== false) store(visit, request, conversation, response);
  };
  const wish = {
    summary: request.reasoning?.summary != null,
    encrypted: request.include?.includes('reasoning.encrypted_content') ?? false,
  };
  await exchange.holdHeaders();
  const answer = booking.streamed ? responseInStream : responseAtOnce;
  await answer({ exchange, draft, production, plan, wish, keep });
}

/** `POST /v1/responses/input_tokens`: counts, and spends nothing. */
export async function countInputTokens(visit: Visit): Promise<void> {
  const { exchange } = visit;
  const request = parseResponsesRequest(await jsonBody(exchange.request));
  const tokens = promptTokens(promptOfItems(request, conversationOf(visit, request)));
  admit(visit, 'responses', request.model, 0);
  exchange.json(200, { object: 'response.input_tokens', input_tokens: tokens });
}

/** What went before, by `previous_response_id`, and what came now; references stand for the items that they name. */
function conversationOf({ provider, key }: Visit, request: ResponsesRequest): InputItem[] {
  const { previous_response_id: previous } = request;
  const before = previous == null ? undefined : provider.responses.get(key, previous);
  if (previous != null && before === undefined)
    throw new ProviderError(400, {
      message: `Previous response with id '${previous}' not found.`,
      type: 'invalid_request_error',
      param: 'previous_response_id',
      code: 'previous_response_not_found',
    });
  const now = inputItems(request).map((item) => {
    if (item.type !== 'item_reference') return item;
    const found = provider.responses.item(key, item.id);
    if (found !== undefined) return found;
    throw new ProviderError(404, {
      message: `Item with id '${item.id}' not found.`,
      type: 'invalid_request_error',
      param: 'input',
    });
  });
  return [...(before?.conversation ?? []), ...now];
}

function store(
  { provider, key }: Visit,
  request: ResponsesRequest,
  conversation: readonly InputItem[],
  response: ResponseObject,
): void {
  const input = inputItems(request).map((item) => ({ ...item, id: String(item['id'] ?? makeId('msg')) }));
  const output = structuredClone(response.output) as unknown as InputItem[];
  provider.responses.put(key, { response, input, conversation: [...conversation, ...output] });
}
