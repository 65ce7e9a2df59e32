import { randomBytes } from 'node:crypto';
import type { ChatRequest } from '../chat-request.ts';
import type { Piece, Production } from '../model/produce.ts';
import type { Booking } from './booking.ts';

/** What the answers in one go and in a stream have in common. */
export class Completion {
  readonly choices: number;
  readonly production: Production;
  readonly #inputTokens: number;
  readonly #head: { id: string; created: number; model: string };
  readonly #callIds = new Map<string, string>();

  constructor(request: ChatRequest, production: Production, inputTokens: number) {
    this.choices = request.n ?? 1;
    this.production = production;
    this.#inputTokens = inputTokens;
    this.#head = { id: `chatcmpl-${token()}`, created: Math.floor(Date.now() / 1000), model: request.model };
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
      yield piece;
    }
  }

  /** The id of a tool call, by choice and place. */
  callId(choice: number, index: number): string {
    const place = `${choice}/${index}`;
    const id = this.#callIds.get(place) ?? `call_${token()}`;
    this.#callIds.set(place, id);
    return id;
  }

  usage(): object {
    const output = this.production.tokens * this.choices;
    return {
      prompt_tokens: this.#inputTokens,
      completion_tokens: output,
      total_tokens: this.#inputTokens + output,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    };
  }
}

function token(): string {
  return randomBytes(18).toString('base64url').replaceAll(/[-_]/g, 'x');
}
