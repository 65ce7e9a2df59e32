import { z } from 'zod';
import { WebSocket } from 'ws';
import { errorReply, page } from '#protocol/api.ts';
import { failure, refusal, type Failure } from './failure.ts';

export interface Ask {
  readonly body?: unknown;
  /** A body that is JSON already, for what must not become a string. */
  readonly bytes?: Buffer;
  /** Of what `bytes` are, where it is not JSON. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers with this status are read with the schema as well, instead of being a failure. */
  readonly alsoStatus?: number;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/** Longer than the service takes for its slowest answer: the verification of a key, or the first start of a cage. */
const ANSWER_MS = 180_000;

/**
 * The HTTP API of one service. Every method fails with a `Failure`: the service's own error with its request id, `server_unreachable`
 * where nothing answers or what does is being closed, `reply_invalid` where something else does.
 */
export class Client {
  readonly url: string;
  readonly #token: string | undefined;

  constructor(options: { url: string; token: string | undefined }) {
    this.url = options.url;
    this.#token = options.token;
  }

  get<T extends z.ZodType>(path: string, schema: T, ask: Ask = {}): Promise<z.output<T>> {
    return this.#ask('GET', path, schema, ask);
  }

  post<T extends z.ZodType>(path: string, schema: T, ask: Ask = {}): Promise<z.output<T>> {
    return this.#ask('POST', path, schema, ask);
  }

  patch<T extends z.ZodType>(path: string, schema: T, ask: Ask = {}): Promise<z.output<T>> {
    return this.#ask('PATCH', path, schema, ask);
  }

  /** Every item of a list, page after page. */
  async all<T extends z.ZodType>(path: string, item: T, ask: Ask = {}): Promise<z.output<T>[]> {
    const items: z.output<T>[] = [];
    const separator = path.includes('?') ? '&' : '?';
    let cursor: string | null = null;
    do {
      const at: string = cursor === null ? path : `${path}${separator}cursor=${encodeURIComponent(cursor)}`;
      const reply: { items: z.output<T>[]; nextCursor: string | null } = await this.get(at, page(item), ask);
      items.push(...reply.items);
      cursor = reply.nextCursor;
    } while (cursor !== null);
    return items;
  }

  /** The body of an answer as it comes, for what may be large. */
  async *bytes(path: string, ask: Ask = {}): AsyncGenerator<Uint8Array> {
    yield* (await this.download('GET', path, ask)).body;
  }

  /** As `bytes`, with the headers of the answer, by any method. */
  async download(
    method: string,
    path: string,
    ask: Ask = {},
  ): Promise<{ readonly headers: Headers; readonly body: AsyncIterable<Uint8Array> }> {
    const response = await this.#send(method, path, ask);
    if (!response.ok) throw this.#refused(response.status, await this.#json(response));
    return { headers: response.headers, body: this.#chunks(response) };
  }

  async delete(path: string): Promise<void> {
    await this.#ask('DELETE', path, z.undefined(), {});
  }

  /** An open WebSocket to /api/v1/events, not yet connected. */
  events(): WebSocket {
    return new WebSocket(new URL('/api/v1/events', this.url.replace(/^http/, 'ws')), ['clawcage'], {
      headers: this.#authorization(),
      handshakeTimeout: 10_000,
    });
  }

  async #ask<T extends z.ZodType>(method: string, path: string, schema: T, ask: Ask): Promise<z.output<T>> {
    const response = await this.#send(method, path, ask);
    const body = await this.#json(response);
    if (!response.ok && response.status !== ask.alsoStatus) throw this.#refused(response.status, body);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw failure('reply_invalid', {
      url: this.url,
      path,
      field: parsed.error.issues[0]?.path.join('.') ?? '',
    });
  }

  async #send(method: string, path: string, ask: Ask): Promise<Response> {
    const body = ask.bytes ?? (ask.body === undefined ? undefined : JSON.stringify(ask.body));
    const timeout = AbortSignal.timeout(ask.timeoutMs ?? ANSWER_MS);
    try {
      return await fetch(new URL(path, this.url), {
        method,
        headers: {
          ...this.#authorization(),
          ...(body !== undefined && { 'content-type': ask.contentType ?? 'application/json' }),
          ...ask.headers,
        },
        ...(body !== undefined && { body: body as NonNullable<RequestInit['body']> }),
        signal: ask.signal ? AbortSignal.any([ask.signal, timeout]) : timeout,
        redirect: 'error',
      });
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  async *#chunks(response: Response): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of response.body ?? []) yield chunk as Uint8Array;
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  async #json(response: Response): Promise<unknown> {
    let text;
    try {
      text = await response.text();
    } catch (error) {
      throw this.#unreachable(error);
    }
    if (text === '') return undefined;
    try {
      return JSON.parse(text);
    } catch {
      throw failure('reply_invalid', { url: this.url, status: response.status });
    }
  }

  #refused(status: number, body: unknown): Failure {
    const parsed = errorReply.safeParse(body);
    if (parsed.success) return refusal(status, parsed.data);
    // A server that is being closed answers so for a service that is no longer asked.
    if (status === 503) return failure('server_unreachable', { url: this.url, reason: 'HTTP 503' });
    return failure('reply_invalid', { url: this.url, status });
  }

  #unreachable(error: unknown): Failure {
    const cause = (error as { cause?: NodeJS.ErrnoException }).cause;
    return failure('server_unreachable', { url: this.url, reason: cause?.code ?? (error as Error).name });
  }

  #authorization(): Record<string, string> {
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
  }
}
