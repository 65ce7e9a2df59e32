import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../books.ts';
import { toolCallOpening } from '../prompt-tokens.ts';
import { textPieces } from '../tokens.ts';
import type { Part, Plan } from './plan.ts';

/** The smallest unit that an answer is sent in. */
export type Piece =
  | {
      readonly kind: 'text';
      readonly text: string;
      readonly refusal?: boolean | undefined;
      readonly tokens: number;
    }
  | { readonly kind: 'reason'; readonly tokens: number }
  | { readonly kind: 'call'; readonly index: number; readonly name: string; readonly tokens: number }
  | { readonly kind: 'arguments'; readonly index: number; readonly text: string; readonly tokens: number };

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

/** An answer in the making: iterate it for its pieces, at their pace; what it has come to can be read at any time. */
export class Production {
  tokens = 0;
  /** Those of them that are thought and not said. */
  reasoningTokens = 0;
  finishReason: FinishReason = 'stop';
  /** True once the plan's spoiler was due: the answer is not complete. */
  spoiled = false;
  readonly #plan: Plan;
  readonly #limit: number;

  /** `limit`: the most tokens that may be produced; what does not fit is left out and ends the answer with `length`. */
  constructor(plan: Plan, limit = Infinity) {
    this.#plan = plan;
    this.#limit = limit;
  }

  /** Ends early, without an error, when the plan's spoiler is due; rejects when the signal aborts a wait. */
  async *pieces(signal: AbortSignal): AsyncGenerator<Piece> {
    const spoilAfter = this.#plan.spoiler ? (this.#plan.spoiler.afterTokens ?? Infinity) : undefined;
    let calls = 0;
    for (const part of this.#plan.parts) {
      if (part.kind === 'wait') {
        await sleep(part.ms, undefined, { signal });
        continue;
      }
      const pace = new Pace(part.perSecond);
      for (const piece of piecesOf(part, calls)) {
        if (spoilAfter !== undefined && this.tokens + piece.tokens > spoilAfter) return this.#spoil();
        if (this.tokens + piece.tokens > this.#limit) return this.#stopAtLimit();
        await pace.next(piece.tokens, signal);
        this.tokens += piece.tokens;
        if (piece.kind === 'reason') this.reasoningTokens += piece.tokens;
        yield piece;
      }
      if (part.kind === 'call') calls++;
    }
    if (calls > 0) this.finishReason = 'tool_calls';
    if (this.#plan.finish !== undefined) this.finishReason = this.#plan.finish;
    if (spoilAfter !== undefined) this.#spoil();
  }

  #spoil(): void {
    this.spoiled = true;
  }

  #stopAtLimit(): void {
    this.finishReason = 'length';
    if (this.#plan.spoiler) this.#spoil();
  }
}

function* piecesOf(part: Exclude<Part, { kind: 'wait' }>, index: number): Generator<Piece> {
  if (part.kind === 'text') {
    for (const piece of textPieces(part.text)) yield { kind: 'text', refusal: part.refusal, ...piece };
    return;
  }
  if (part.kind === 'reason') {
    for (let left = part.tokens; left > 0; left--) yield { kind: 'reason', tokens: 1 };
    return;
  }
  yield { kind: 'call', index, name: part.name, tokens: toolCallOpening(part.name) };
  for (const piece of textPieces(part.args)) yield { kind: 'arguments', index, ...piece };
}

/** Holds a rate over the whole, not between neighbours: a late timer is made up for. */
class Pace {
  readonly #msPerToken: number;
  readonly #start = monotonicMs();
  #sent = 0;

  constructor(perSecond: number | undefined) {
    this.#msPerToken = perSecond === undefined ? 0 : 1000 / perSecond;
  }

  async next(tokens: number, signal: AbortSignal): Promise<void> {
    this.#sent += tokens;
    const early = this.#start + this.#sent * this.#msPerToken - monotonicMs();
    if (early >= 1) await sleep(early, undefined, { signal });
    signal.throwIfAborted();
  }
}
