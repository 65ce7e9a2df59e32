import type { Plan } from '../../model/plan.ts';
import type { Production } from '../../model/produce.ts';
import type { Exchange } from '../exchange.ts';
import type { ReasoningWish, ResponseEvent } from './output-item.ts';
import { OutputItems } from './output-items.ts';
import type { ResponseDraft, ResponseObject, Status } from './response-object.ts';

export interface Answer {
  readonly exchange: Exchange;
  readonly draft: ResponseDraft;
  readonly production: Production;
  readonly plan: Plan;
  readonly wish: ReasoningWish;
  /** Called with the whole answer before its last byte goes out. */
  readonly keep: (response: ResponseObject) => void;
}

/** The whole answer as one JSON object. */
export async function responseAtOnce(answer: Answer): Promise<void> {
  const { exchange, draft, production, plan, wish } = answer;
  const items = new OutputItems(wish);
  for await (const _event of grow(answer, items));
  if (production.spoiled && plan.spoiler?.kind === 'fail') throw plan.spoiler.error;
  if (production.spoiled && items.all.length === 0) return exchange.cut();
  if (production.spoiled) exchange.manners = { ...exchange.manners, cutHalfway: true };
  const response = draft.shot(statusOf(production), items.all);
  answer.keep(response);
  exchange.booking.told = plan.reportsUsage && !production.spoiled;
  exchange.json(200, response);
}

/** The answer as server-sent events, numbered, the last of them with the whole response. */
export async function responseInStream(answer: Answer): Promise<void> {
  const { exchange, draft, production, plan, wish } = answer;
  const items = new OutputItems(wish);
  const events = new EventStream(exchange);
  const opening = ['response.created', 'response.in_progress'].map((type) => ({
    type,
    response: draft.shot('in_progress', []),
  }));
  for await (const event of grow(answer, items)) await events.send([...opening.splice(0), event]);
  if (!production.spoiled) {
    const status = statusOf(production);
    const response = draft.shot(status, items.all);
    answer.keep(response);
    exchange.booking.told = plan.reportsUsage;
    return events.end([...opening, { type: `response.${status}`, response }]);
  }
  if (plan.spoiler?.kind !== 'fail') return exchange.cut();
  if (!events.begun) throw plan.spoiler.error;
  const { code, message, type } = plan.spoiler.error.body.error;
  const error = { code: code ?? type, message };
  events.end([{ type: 'response.failed', response: draft.shot('failed', items.all, error) }]);
}

/** The items as their pieces come; the books follow them. */
async function* grow({ exchange, production }: Answer, items: OutputItems): AsyncGenerator<ResponseEvent> {
  const { booking } = exchange;
  for await (const piece of production.pieces(exchange.gone)) {
    booking.outputTokens = production.tokens;
    booking.reasoningTokens = production.reasoningTokens;
    yield* items.take(piece);
  }
  if (!production.spoiled)
    yield* items.close(statusOf(production) === 'incomplete' ? 'incomplete' : 'completed');
}

function statusOf({ finishReason }: Production): Status & ('completed' | 'incomplete') {
  return finishReason === 'length' || finishReason === 'content_filter' ? 'incomplete' : 'completed';
}

/** Numbers the events; the status goes out with the first. */
class EventStream {
  readonly #exchange: Exchange;
  #number = 0;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get begun(): boolean {
    return this.#number > 0;
  }

  async send(events: readonly ResponseEvent[]): Promise<void> {
    const lines = this.#lines(events);
    for (const line of lines) await this.#exchange.write(line);
  }

  end(events: readonly ResponseEvent[]): void {
    this.#exchange.end(this.#lines(events).join(''));
  }

  #lines(events: readonly ResponseEvent[]): string[] {
    if (this.#number === 0) this.#exchange.beginEvents();
    return events.map(
      (event) =>
        `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: this.#number++ })}\n\n`,
    );
  }
}
