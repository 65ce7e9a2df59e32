import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { keyFingerprint, monotonicMs, type Books, type Call } from '../books.ts';

/** The entry of one request, filled in while it is served and entered into the books once. */
export class Booking {
  readonly id = `req_${randomUUID().replaceAll('-', '')}`;
  readonly arrivedMs = monotonicMs();
  readonly #wall = new Date().toISOString();
  readonly #books: Books;
  readonly #method: string;
  readonly #path: string;
  #entered = false;

  key: string | undefined;
  operation: string | null = null;
  model: string | null = null;
  note: string | null = null;
  status = 0;
  offeredTokens = 0;
  inputTokens = 0;
  cachedTokens = 0;
  outputTokens = 0;
  reasoningTokens = 0;
  told = false;
  streamed = false;
  aborted = false;
  cut = false;
  /** Told what was entered, once. */
  onEntered: ((call: Call) => void) | undefined;

  constructor(books: Books, request: IncomingMessage) {
    this.#books = books;
    this.#method = request.method ?? 'GET';
    this.#path = (request.url ?? '/').split('?', 1)[0]!;
  }

  get processingMs(): number {
    return Math.round(monotonicMs() - this.arrivedMs);
  }

  /** Nothing was used. */
  clearTokens(): void {
    this.told = false;
    this.inputTokens = this.cachedTokens = this.outputTokens = this.reasoningTokens = 0;
  }

  /** Writes the entry as it now stands; a second time does nothing. Called before the last byte goes out. */
  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    const call: Call = {
      id: this.id,
      arrivedMs: this.arrivedMs,
      endedMs: monotonicMs(),
      wall: this.#wall,
      keyFingerprint: this.key === undefined ? null : keyFingerprint(this.key),
      method: this.#method,
      path: this.#path,
      operation: this.operation,
      model: this.model,
      note: this.note,
      status: this.status,
      inputTokens: this.inputTokens,
      cachedTokens: this.cachedTokens,
      outputTokens: this.outputTokens,
      reasoningTokens: this.reasoningTokens,
      totalTokens: this.inputTokens + this.outputTokens,
      offeredTokens: this.offeredTokens,
      told: this.told,
      streamed: this.streamed,
      aborted: this.aborted,
      cut: this.cut,
    };
    this.#books.enter(call);
    this.onEntered?.(call);
  }
}
