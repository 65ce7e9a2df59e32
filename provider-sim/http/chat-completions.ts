import { promptOfChat } from '../chat-prompt.ts';
import { outputLimitOf, parseChatRequest } from '../chat-request.ts';
import { planFor } from '../model/plan-for.ts';
import { Production } from '../model/produce.ts';
import { promptTokens } from '../prompt-tokens.ts';
import { admit } from './admit.ts';
import { answerAtOnce } from './answer-at-once.ts';
import { answerInStream } from './answer-in-stream.ts';
import { jsonBody } from './body.ts';
import { Completion } from './completion.ts';
import type { Visit } from './visit.ts';

/** `POST /v1/chat/completions`. */
export async function chatCompletions(visit: Visit): Promise<void> {
  const { exchange, provider, key } = visit;
  const { booking } = exchange;
  const request = parseChatRequest(await jsonBody(exchange.request));
  const prompt = promptOfChat(request);
  booking.streamed = request.stream === true;
  const tokens = promptTokens(prompt);
  admit(visit, 'chat', request.model, tokens);
  const plan = planFor(prompt, key, provider.attempts);
  exchange.manners = plan.manners ?? {};
  booking.note = plan.note ?? null;
  booking.inputTokens = tokens;
  booking.cachedTokens = provider.cache.cachedTokens(key, prompt, tokens);
  const production = new Production(plan, outputLimitOf(request));
  const completion = new Completion(request, production, { tokens, cached: booking.cachedTokens });
  await exchange.holdHeaders();
  const answer = booking.streamed ? answerInStream : answerAtOnce;
  await answer(exchange, request, plan, completion);
}
