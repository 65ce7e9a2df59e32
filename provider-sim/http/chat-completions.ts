import { outputLimitOf, parseChatRequest, type ChatRequest } from '../chat-request.ts';
import type { Attempts } from '../model/attempts.ts';
import type { Plan } from '../model/plan.ts';
import { scriptedCall } from '../model/position.ts';
import { Production } from '../model/produce.ts';
import { scriptedPlan } from '../model/scripted.ts';
import { unscriptedPlan } from '../model/unscripted.ts';
import { promptTokens } from '../prompt-tokens.ts';
import { Completion } from './completion.ts';
import { answerAtOnce } from './answer-at-once.ts';
import { answerInStream } from './answer-in-stream.ts';
import type { Exchange } from './exchange.ts';
import { requireModel } from './models.ts';

/** `POST /v1/chat/completions`. */
export async function chatCompletions(
  exchange: Exchange,
  body: unknown,
  key: string,
  models: readonly string[],
  attempts: Attempts,
): Promise<void> {
  const { booking } = exchange;
  const request = parseChatRequest(body);
  booking.model = request.model;
  booking.streamed = request.stream === true;
  requireModel(models, request.model);
  booking.offeredTokens = promptTokens(request);
  const plan = planFor(request, key, attempts);
  booking.inputTokens = booking.offeredTokens;
  const production = new Production(plan, outputLimitOf(request));
  const completion = new Completion(request, production, booking.inputTokens);
  const answer = booking.streamed ? answerInStream : answerAtOnce;
  await answer(exchange, request, plan, completion);
}

function planFor(request: ChatRequest, key: string, attempts: Attempts): Plan {
  const call = scriptedCall(request.messages);
  return call === undefined ? unscriptedPlan(request) : scriptedPlan(call, request, key, attempts);
}
