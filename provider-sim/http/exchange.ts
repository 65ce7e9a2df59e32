import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Books } from '../books.ts';
import type { Manners } from '../model/plan.ts';
import type { ProviderError } from '../provider-error.ts';
import { Booking } from './booking.ts';

/** An event of a stream, as its data. */
export interface StreamEvent {
  readonly type: string;
  readonly [name: string]: unknown;
}

const BIG_HEADER_BYTES = 1024 * 1024;

/** One request and its answer, with its entry in the books. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly booking: Booking;
  /** Resolves when the connection has no more to do with this exchange, and the books have it. */
  readonly over: Promise<void>;
  /** How the answer goes out; set before it begins. */
  manners: Manners = {};
  /** Headers of the answer beside those of every answer. */
  headers: Readonly<Record<string, string>> = {};
  readonly #gone = new AbortController();
  #writes = 0;

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

  /** Waits as long as the manners hold the headers back; rejects when the client is gone. */
  async holdHeaders(): Promise<void> {
    const { slowHeadersMs = 0 } = this.manners;
    if (slowHeadersMs > 0) await sleep(slowHeadersMs, undefined, { signal: this.gone });
  }

  /** Sends the status and headers. */
  begin(status: number, headers: Record<string, string>): void {
    this.booking.status = status;
    this.response.writeHead(status, {
      'x-request-id': this.booking.id,
      'openai-version': '2020-10-01',
      'openai-processing-ms': String(this.booking.processingMs),
      ...this.headers,
      ...(this.manners.bigHeader === true && { 'x-padding': 'x'.repeat(BIG_HEADER_BYTES) }),
      ...headers,
    });
  }

  /** Sends the last of the body, after the books have the call. */
  end(body: string | Buffer): void {
    const { trickle, cutHalfway } = this.manners;
    if (cutHalfway === true) void this.#cutWithin(body).catch(() => {});
    else if (trickle !== undefined) void this.#endSlowly(Buffer.from(body)).catch(() => {});
    else this.#finish(body);
  }

  json(status: number, body: unknown, headers: Record<string, string> = {}): void {
    const whole = JSON.stringify(body);
    const text = this.manners.malformedJson === true ? half(whole) : whole;
    this.body(status, 'application/json', text, headers);
  }

  /** A whole body of any type. */
  body(status: number, type: string, body: string | Buffer, headers: Record<string, string> = {}): void {
    const length = String(Buffer.byteLength(body));
    this.begin(status, { 'content-type': type, 'content-length': length, ...headers });
    this.end(body);
  }

  /** A whole stream of server-sent events; `named`: with an `event:` line each, as OpenAI's newer endpoints have it. */
  events(events: readonly StreamEvent[], named: boolean): void {
    this.beginEvents();
    const spoilt = this.manners.malformedJson === true ? events.length >> 1 : -1;
    const lines = events.map((event, at) => {
      const data = JSON.stringify(event);
      return `${named ? `event: ${event.type}\n` : ''}data: ${at === spoilt ? half(data) : data}\n\n`;
    });
    this.end(lines.join(''));
  }

  beginEvents(): void {
    this.begin(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  }

  /** Refuses: nothing was used. */
  refuse(error: ProviderError): void {
    this.booking.clearTokens();
    const unread = !this.request.complete;
    this.request.resume();
    const headers = { ...error.headers, ...(unread ? { connection: 'close' } : {}) };
    if (error.page === undefined) this.json(error.status, error.body, headers);
    else this.body(error.status, 'text/html; charset=utf-8', error.page, headers);
  }

  /** Resolves when the text is on its way and the client has kept up; rejects when it is gone. */
  async write(text: string): Promise<void> {
    const { malformedJson, trickle } = this.manners;
    const sent = malformedJson === true && ++this.#writes === 2 ? `${half(text.trimEnd())}\n\n` : text;
    if (trickle !== undefined) return this.#slowly(Buffer.from(sent));
    return this.#write(sent);
  }

  /** Breaks the connection off, after what was written has gone out. */
  async cut(): Promise<void> {
    this.booking.cut = true;
    if (this.response.headersSent && !this.gone.aborted)
      await new Promise((resolve) => this.response.write('\n', resolve));
    this.booking.enter();
    this.request.socket.destroy();
  }

  #finish(body: string | Buffer): void {
    this.booking.enter();
    this.response.end(body);
  }

  async #cutWithin(body: string | Buffer): Promise<void> {
    const bytes = Buffer.from(body);
    await this.#write(bytes.subarray(0, bytes.length >> 1));
    await this.cut();
  }

  async #endSlowly(bytes: Buffer): Promise<void> {
    await this.#slowly(bytes.subarray(0, -1));
    this.#finish(bytes.subarray(-1));
  }

  async #slowly(bytes: Buffer): Promise<void> {
    const { bytes: step, everyMs } = this.manners.trickle!;
    for (let at = 0; at < bytes.length; at += step) {
      await this.#write(bytes.subarray(at, at + step));
      await sleep(everyMs, undefined, { signal: this.gone });
    }
  }

  async #write(data: string | Buffer): Promise<void> {
    if (this.response.write(data)) return;
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
}

function half(text: string): string {
  return text.slice(0, Math.ceil(text.length / 2));
}
