import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ProviderError } from '../provider-error.ts';
import { Booking } from './booking.ts';
import type { Books } from '../books.ts';

/** One request and its answer, with its entry in the books. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly booking: Booking;
  /** Resolves when the connection has no more to do with this exchange, and the books have it. */
  readonly over: Promise<void>;
  readonly #gone = new AbortController();

  constructor(request: IncomingMessage, response: ServerResponse, books: Books) {
    this.request = request;
    this.response = response;
    this.booking = new Booking(books, request);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    response.once('close', () => {
      if (!response.writableFinished && !this.booking.cut) this.booking.aborted = true;
      this.#gone.abort();
      this.booking.enter();
      resolve();
    });
  }

  /** Aborted when the connection is gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Sends the status and headers. */
  begin(status: number, headers: Record<string, string>): void {
    this.booking.status = status;
    this.response.writeHead(status, {
      'x-request-id': this.booking.id,
      'openai-version': '2020-10-01',
      'openai-processing-ms': String(this.booking.processingMs),
      ...headers,
    });
  }

  /** Sends the last of the body, after the books have the call. */
  end(text: string): void {
    this.booking.enter();
    this.response.end(text);
  }

  json(status: number, body: unknown, headers: Record<string, string> = {}): void {
    const text = JSON.stringify(body);
    const length = String(Buffer.byteLength(text));
    this.begin(status, { 'content-type': 'application/json', 'content-length': length, ...headers });
    this.end(text);
  }

  /** Refuses: nothing was used. */
  refuse(error: ProviderError): void {
    this.booking.inputTokens = this.booking.outputTokens = 0;
    const unread = !this.request.complete;
    this.request.resume();
    this.json(error.status, error.body, { ...error.headers, ...(unread ? { connection: 'close' } : {}) });
  }

  /** Resolves when the text is on its way and the client has kept up; rejects when it is gone. */
  async write(text: string): Promise<void> {
    if (this.response.write(text)) return;
    await new Promise<void>((resolve, reject) => {
      const drained = () => {
        this.gone.removeEventListener('abort', left);
        resolve();
      };
      const left = () => {
        this.response.off('drain', drained);
        reject(this.gone.reason as Error);
      };
      this.response.once('drain', drained);
      this.gone.addEventListener('abort', left, { once: true });
      if (this.gone.aborted) left();
    });
  }

  /** Breaks the connection off, after what was written has gone out. */
  async cut(): Promise<void> {
    this.booking.cut = true;
    if (this.response.headersSent && !this.gone.aborted)
      await new Promise((resolve) => this.response.write('\n', resolve));
    this.booking.enter();
    this.request.socket.destroy();
  }
}
