import { monotonicMs } from './books.ts';
import type { Limits } from './key-limits.ts';
import { rateLimited, requestTooLarge } from './provider-error.ts';

/** A call that was let in. */
export interface Entry {
  /** `x-ratelimit-*`, as OpenAI sends them (https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers). */
  readonly headers: Readonly<Record<string, string>>;
  /** Replaces the tokens that the call came with by those that it used. */
  settle(tokens: number): void;
}

const WINDOW_MS = 60_000;
/** What is told where nothing is limited. */
const GENEROUS = { requests: 30_000, tokens: 150_000_000 };

/**
 * The provider's own limits: for each key a log of the last 60 s. A call counts at its arrival, with the tokens of its prompt until it has ended and
 * with all its tokens from then on; what is refused here counts nothing.
 */
export class Windows {
  readonly #limitsOf: (key: string) => Limits | undefined;
  readonly #logs = new Map<string, Log>();

  constructor(limitsOf: (key: string) => Limits | undefined = () => undefined) {
    this.#limitsOf = limitsOf;
  }

  /** Throws OpenAI's 429 where the call does not fit; `model` is for its text. */
  enter(key: string, tokens: number, model: string, nowMs = monotonicMs()): Entry {
    const log = this.#logs.get(key) ?? new Log();
    this.#logs.set(key, log);
    return log.enter(tokens, model, this.#limitsOf(key) ?? {}, nowMs);
  }
}

interface Counted {
  readonly atMs: number;
  tokens: number;
}

class Log {
  #calls: Counted[] = [];
  #first = 0;
  #tokens = 0;

  enter(tokens: number, model: string, limits: Limits, nowMs: number): Entry {
    this.#forget(nowMs - WINDOW_MS);
    const { requests = Infinity, tokens: mostTokens = Infinity } = limits;
    const count = this.#calls.length - this.#first;
    if (tokens > mostTokens) throw requestTooLarge(model, mostTokens, tokens, this.#headers(limits, nowMs));
    if (count + 1 > requests)
      throw rateLimited(
        model,
        this.#freeIn(nowMs, (calls) => calls >= 1),
        {
          kind: 'requests',
          limit: requests,
          used: count,
          requested: 1,
          headers: this.#headers(limits, nowMs),
        },
      );
    if (this.#tokens + tokens > mostTokens)
      throw rateLimited(
        model,
        this.#freeIn(nowMs, (_, freed) => this.#tokens - freed + tokens <= mostTokens),
        {
          kind: 'tokens',
          limit: mostTokens,
          used: this.#tokens,
          requested: tokens,
          headers: this.#headers(limits, nowMs),
        },
      );
    const call = { atMs: nowMs, tokens };
    this.#calls.push(call);
    this.#tokens += tokens;
    return {
      headers: this.#headers(limits, nowMs),
      settle: (used) => {
        // What has left the window is no longer in the sum.
        if (this.#calls.includes(call, this.#first)) this.#tokens += used - call.tokens;
        call.tokens = used;
      },
    };
  }

  #forget(beforeMs: number): void {
    while (this.#first < this.#calls.length && this.#calls[this.#first]!.atMs <= beforeMs)
      this.#tokens -= this.#calls[this.#first++]!.tokens;
    if (this.#first < 1000) return;
    this.#calls = this.#calls.slice(this.#first);
    this.#first = 0;
  }

  /** Seconds until enough calls have left the window. */
  #freeIn(nowMs: number, enough: (calls: number, tokens: number) => boolean): number {
    let freed = 0;
    for (const [at, call] of this.#calls.slice(this.#first).entries()) {
      freed += call.tokens;
      if (enough(at + 1, freed)) return (call.atMs + WINDOW_MS - nowMs) / 1000;
    }
    return WINDOW_MS / 1000;
  }

  /** What is told with an answer: the resets say when the last of what counts now will have left. */
  #headers(limits: Limits, nowMs: number): Record<string, string> {
    const calls = this.#calls.slice(this.#first);
    const most = { requests: limits.requests ?? GENEROUS.requests, tokens: limits.tokens ?? GENEROUS.tokens };
    const leftIn = (call: Counted | undefined): string => duration(call ? call.atMs + WINDOW_MS - nowMs : 0);
    return {
      'x-ratelimit-limit-requests': String(most.requests),
      'x-ratelimit-limit-tokens': String(most.tokens),
      'x-ratelimit-remaining-requests': String(Math.max(0, most.requests - calls.length)),
      'x-ratelimit-remaining-tokens': String(Math.max(0, most.tokens - this.#tokens)),
      'x-ratelimit-reset-requests': leftIn(calls.at(-1)),
      'x-ratelimit-reset-tokens': leftIn(calls.findLast(({ tokens }) => tokens > 0)),
    };
  }
}

/** As OpenAI writes it: `1m0s`, `59.512s`, `20ms`, `0s`. */
function duration(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms));
  if (whole === 0) return '0s';
  if (whole < 1000) return `${whole}ms`;
  const minutes = Math.floor(whole / 60_000);
  return `${minutes === 0 ? '' : `${minutes}m`}${(whole - minutes * 60_000) / 1000}s`;
}
