import type { ChatRequest } from '../chat-request.ts';
import type { Piece, Production } from '../model/produce.ts';
import type { Booking } from './booking.ts';
import { makeId } from './ids.ts';

/** What the answers in one go and in a stream have in common. */
export class Completion {
  readonly choices: number;
  readonly production: Production;
  readonly #inputTokens: number;
  readonly #cachedTokens: number;
  readonly #head: { id: string; created: number; model: string };
  readonly #callIds = new Map<string, string>();

  constructor(request: ChatRequest, production: Production, input: { tokens: number; cached: number }) {
    this.choices = request.n ?? 1;
    this.production = production;
    this.#inputTokens = input.tokens;
    this.#cachedTokens = input.cached;
    this.#head = {
      id: makeId('chatcmpl', '-'),
      created: Math.floor(Date.now() / 1000),
      model: request.model,
    };
  }

  /** The fields that every object of this answer starts with. */
  head(object: 'chat.completion' | 'chat.completion.chunk'): object {
    return {
      id: this.#head.id,
      object,
      created: this.#head.created,
      model: this.#head.model,
      service_tier: 'default',
    };
  }

  /** The pieces as they come; the books follow them. */
  async *pieces(booking: Booking, signal: AbortSignal): AsyncGenerator<Piece> {
    for await (const piece of this.production.pieces(signal)) {
      booking.outputTokens = this.production.tokens * this.choices;
      booking.reasoningTokens = this.production.reasoningTokens * this.choices;
      yield piece;
    }
  }

  /** The id of a tool call, by choice and place. */
  callId(choice: number, index: number): string {
    const place = `${choice}/${index}`;
    const id = this.#callIds.get(place) ?? makeId('call');
    this.#callIds.set(place, id);
    return id;
  }

  usage(): object {
    const output = this.production.tokens * this.choices;
    return {
      prompt_tokens: this.#inputTokens,
      completion_tokens: output,
      total_tokens: this.#inputTokens + output,
      prompt_tokens_details: { cached_tokens: this.#cachedTokens, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: this.production.reasoningTokens * this.choices,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    };
  }
}
