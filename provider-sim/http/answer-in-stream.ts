import type { ChatRequest } from '../chat-request.ts';
import type { Plan } from '../model/plan.ts';
import type { Piece } from '../model/produce.ts';
import type { Completion } from './completion.ts';
import type { Exchange } from './exchange.ts';

/** The answer as server-sent events, one for each piece of each choice. */
export async function answerInStream(
  exchange: Exchange,
  request: ChatRequest,
  plan: Plan,
  completion: Completion,
): Promise<void> {
  const events = new Events(
    exchange,
    completion,
    plan.reportsUsage && request.stream_options?.include_usage === true,
  );
  for await (const piece of completion.pieces(exchange.booking, exchange.gone))
    if (piece.kind !== 'reason')
      await events.forEachChoice((choice) => ({
        delta: deltaOf(piece, completion, choice),
        finish_reason: null,
      }));
  if (completion.production.spoiled) return spoil(exchange, plan, events);
  const { finishReason } = completion.production;
  await events.forEachChoice(() => ({ delta: {}, finish_reason: finishReason }));
  await events.usage();
  exchange.end('data: [DONE]\n\n');
}

/** Writes the events; the status and the opening event of each choice go out before the first of them. */
class Events {
  readonly #exchange: Exchange;
  readonly #completion: Completion;
  readonly #withUsage: boolean;
  #begun = false;

  constructor(exchange: Exchange, completion: Completion, withUsage: boolean) {
    this.#exchange = exchange;
    this.#completion = completion;
    this.#withUsage = withUsage;
  }

  get begun(): boolean {
    return this.#begun;
  }

  async forEachChoice(make: (choice: number) => object): Promise<void> {
    if (!this.#begun) await this.#begin();
    for (let index = 0; index < this.#completion.choices; index++)
      await this.#send([{ index, logprobs: null, ...make(index) }], this.#withUsage ? { usage: null } : {});
  }

  async usage(): Promise<void> {
    this.#exchange.booking.told = this.#withUsage;
    if (this.#withUsage) await this.#send([], { usage: this.#completion.usage() });
  }

  async #begin(): Promise<void> {
    this.#begun = true;
    this.#exchange.beginEvents();
    await this.forEachChoice(() => ({
      delta: { role: 'assistant', content: '', refusal: null },
      finish_reason: null,
    }));
  }

  async #send(choices: object[], usage: object): Promise<void> {
    const head = this.#completion.head('chat.completion.chunk');
    await this.#exchange.write(
      `data: ${JSON.stringify({ ...head, system_fingerprint: null, choices, ...usage })}\n\n`,
    );
  }
}

function deltaOf(piece: Exclude<Piece, { kind: 'reason' }>, completion: Completion, choice: number): object {
  if (piece.kind === 'text')
    return piece.refusal === true ? { refusal: piece.text } : { content: piece.text };
  const { index } = piece;
  const call =
    piece.kind === 'call'
      ? {
          index,
          id: completion.callId(choice, index),
          type: 'function',
          function: { name: piece.name, arguments: '' },
        }
      : { index, function: { arguments: piece.text } };
  return { tool_calls: [call] };
}

/** Before the first event a failure is an ordinary error; after it OpenAI sends it as an event and ends the stream. */
async function spoil(exchange: Exchange, plan: Plan, events: Events): Promise<void> {
  if (plan.spoiler?.kind !== 'fail') return exchange.cut();
  if (!events.begun) throw plan.spoiler.error;
  exchange.end(`data: ${JSON.stringify(plan.spoiler.error.body)}\n\n`);
}
