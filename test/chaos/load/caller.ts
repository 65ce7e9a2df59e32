import { setTimeout as pause } from 'node:timers/promises';

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

const ONE_TRY_MS = 10_000;
const AGAIN_MS = 250;

/**
 * A client as a careful one is written: it knows several addresses, takes the next where one does not answer, and tries again what is safe to be tried
 * again: everything that it sends is (by key, by id).
 */
export class Caller {
  readonly #urls: readonly string[];
  readonly #token: string;
  #at: number;

  constructor(urls: readonly string[], token: string, first: number) {
    this.#urls = urls;
    this.#token = token;
    this.#at = first % urls.length;
  }

  get url(): string {
    return this.#urls[this.#at]!;
  }

  get headers(): Record<string, string> {
    return { authorization: `Bearer ${this.#token}` };
  }

  /** The next address from now on. */
  elsewhere(): void {
    this.#at = (this.#at + 1) % this.#urls.length;
  }

  /** Until it is answered with something other than "not now" (429, 5xx); `undefined` when `untilMs` (of `performance.now()`) has passed. */
  async ask<T>(
    method: string,
    path: string,
    untilMs: number,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<T> | undefined> {
    while (performance.now() < untilMs) {
      try {
        const answer = await fetch(`${this.url}${path}`, {
          method,
          headers: {
            ...this.headers,
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(ONE_TRY_MS),
        });
        const text = await answer.text();
        if (answer.status !== 429 && answer.status < 500)
          return { status: answer.status, body: (text === '' ? undefined : tryJson(text)) as T };
      } catch {
        // Nobody is there, or it went away in the middle: whether it was done is told by asking again.
      }
      this.elsewhere();
      await pause(AGAIN_MS);
    }
    return undefined;
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
