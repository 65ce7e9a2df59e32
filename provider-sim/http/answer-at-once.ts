import type { ChatRequest } from '../chat-request.ts';
import type { Plan } from '../model/plan.ts';
import type { Piece } from '../model/produce.ts';
import type { Completion } from './completion.ts';
import type { Exchange } from './exchange.ts';

/** The whole answer as one JSON object. */
export async function answerAtOnce(
  exchange: Exchange,
  _request: ChatRequest,
  plan: Plan,
  completion: Completion,
): Promise<void> {
  const pieces: Piece[] = [];
  for await (const piece of completion.pieces(exchange.booking, exchange.gone)) pieces.push(piece);
  if (completion.production.spoiled && plan.spoiler?.kind === 'fail') throw plan.spoiler.error;
  const body = bodyOf(pieces, plan, completion);
  exchange.booking.told = plan.reportsUsage && !completion.production.spoiled;
  if (completion.production.spoiled) await cutWithin(exchange, body, pieces.length > 0);
  else exchange.json(200, body);
}

function bodyOf(pieces: readonly Piece[], plan: Plan, completion: Completion): object {
  const choices = Array.from({ length: completion.choices }, (_, index) => ({
    index,
    message: messageOf(pieces, completion, index),
    logprobs: null,
    finish_reason: completion.production.finishReason,
  }));
  return {
    ...completion.head('chat.completion'),
    choices,
    ...(plan.reportsUsage ? { usage: completion.usage() } : {}),
    system_fingerprint: null,
  };
}

function messageOf(pieces: readonly Piece[], completion: Completion, choice: number): object {
  const text = textOf(pieces, false);
  const refusal = textOf(pieces, true);
  const calls = pieces
    .filter((piece) => piece.kind === 'call')
    .map(({ index, name }) => ({
      id: completion.callId(choice, index),
      type: 'function',
      function: { name, arguments: argumentsOf(pieces, index) },
    }));
  return {
    role: 'assistant',
    content: text === '' && (calls.length > 0 || refusal !== '') ? null : text,
    refusal: refusal === '' ? null : refusal,
    annotations: [],
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

function textOf(pieces: readonly Piece[], refusal: boolean): string {
  return pieces
    .map((piece) => (piece.kind === 'text' && (piece.refusal ?? false) === refusal ? piece.text : ''))
    .join('');
}

function argumentsOf(pieces: readonly Piece[], call: number): string {
  return pieces
    .map((piece) => (piece.kind === 'arguments' && piece.index === call ? piece.text : ''))
    .join('');
}

/** Sends the first half of the body where anything was produced, then breaks off. */
async function cutWithin(exchange: Exchange, body: object, started: boolean): Promise<void> {
  if (started) {
    const text = JSON.stringify(body);
    exchange.begin(200, {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
    });
    await exchange.write(text.slice(0, text.length / 2));
  }
  await exchange.cut();
}
