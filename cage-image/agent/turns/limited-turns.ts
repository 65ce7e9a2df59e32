import { CodedError } from '#errors/coded-error.ts';
import type { Busy } from '../busy.ts';
import type { ModelTurns, Turn, TurnRequest } from './model-turns.ts';

const SLACK_MS = 5_000;

/** Gives up a model that says nothing for `limitMs`, before its answer or in the middle of it, with `provider_unreachable`. */
export class LimitedTurns implements ModelTurns {
  readonly #turns: ModelTurns;
  readonly #busy: Busy;
  readonly #limitMs: number;

  constructor(turns: ModelTurns, busy: Busy, limitMs: number) {
    this.#turns = turns;
    this.#busy = busy;
    this.#limitMs = limitMs;
  }

  next(request: TurnRequest): Promise<Turn> {
    return this.#busy.during('model call', this.#limitMs + SLACK_MS, (sign) => this.#next(request, sign));
  }

  async #next(request: TurnRequest, sign: () => void): Promise<Turn> {
    const silent = new AbortController();
    const timer = setTimeout(() => silent.abort(), this.#limitMs);
    try {
      return await this.#turns.next({
        ...request,
        signal: silent.signal,
        onSign: () => {
          timer.refresh();
          sign();
        },
      });
    } catch (error) {
      if (!silent.signal.aborted) throw error;
      throw new CodedError(
        'provider_unreachable',
        { reason: `Nothing came for ${Math.round(this.#limitMs / 1000)} s.` },
        { cause: error },
      );
    } finally {
      clearTimeout(timer);
    }
  }
}
