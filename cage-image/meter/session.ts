import type { IncomingMessage, ServerResponse } from 'node:http';
import { CodedError } from '#errors/coded-error.ts';
import { allowedCall } from './allow-list.ts';
import { Calls } from './calls.ts';
import { countedFirst } from './count-first.ts';
import { AgentExchange, passAnswer } from './exchange.ts';
import type { FromMeter, MeterTask, PermitDecision } from './messages.ts';
import { answerOwnError } from './openai-error.ts';
import { OwnFiles } from './own-files.ts';
import { PermitDesk, PermitRefused } from './permit-desk.ts';
import { prepareCall } from './prepare.ts';
import type { OwnAnswer, PreparedCall } from './prepared-call.ts';
import { ProviderConnection } from './provider-connection.ts';
import { RateLimits } from './rate-limits.ts';
import { readBody } from './request-body.ts';

/** More calls at once than any agent needs; each may hold a body of 20 MiB. */
const MAX_ONGOING = 64;

/** Where it is not known when a call would fit. */
const DEFAULT_RETRY_MS = 5_000;

/** One task's use of the key: what the agent asks is understood, made (see calls.ts), passed on. */
export class MeterSession {
  readonly #task: MeterTask;
  readonly #key: Buffer;
  readonly #desk: PermitDesk;
  readonly #limits: RateLimits;
  readonly #connection: ProviderConnection;
  readonly #calls: Calls;
  readonly #files = new OwnFiles();
  readonly #ongoing = new Set<Promise<void>>();
  readonly #cutOff = new AbortController();

  /** `key` is used to find echoes of it; it is the meter's to wipe. */
  constructor(task: MeterTask, key: Buffer, send: (message: FromMeter) => void) {
    this.#task = task;
    this.#key = key;
    this.#limits = new RateLimits(task);
    this.#desk = new PermitDesk(send, task.permitWaitMs, this.#limits);
    this.#connection = new ProviderConnection(task.provider, task.gate);
    this.#calls = new Calls({
      send,
      desk: this.#desk,
      connection: this.#connection,
      cutOff: this.#cutOff.signal,
    });
  }

  permitDecided(callId: string, decision: PermitDecision): void {
    this.#desk.decided(callId, decision);
  }

  /** Answers one request of the agent that has shown the loopback key. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const work = this.#handle(request, response).catch((error: unknown) =>
      this.#answerError(response, error),
    );
    this.#ongoing.add(work);
    await work;
    this.#ongoing.delete(work);
  }

  /** Resolves when every call is settled; what still runs after `withinMs` is cut off and charged in full. */
  async finish(withinMs: number): Promise<void> {
    const late = setTimeout(() => this.#cutOff.abort(new Error('The task is over.')), withinMs);
    while (this.#ongoing.size > 0) await Promise.allSettled(this.#ongoing);
    clearTimeout(late);
    this.#connection.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#ongoing.size > MAX_ONGOING) {
      throw new PermitRefused(
        new CodedError('limit_exceeded', { reason: `At most ${MAX_ONGOING} calls at once.` }),
        1_000,
      );
    }
    const exchange = new AgentExchange(response, this.#cutOff.signal);
    const prepared = await this.#prepare(request);
    if ('ownAnswer' in prepared) return this.#answerOwn(response, prepared);
    const call = await countedFirst(prepared, this.#calls, exchange.gone);
    const { whole } = await this.#calls.make(call, exchange.gone, (answer) =>
      passAnswer(answer, exchange, call, this.#key, this.#limits.headers()),
    );
    endResponse(response, whole);
  }

  async #prepare(request: IncomingMessage): Promise<PreparedCall | OwnAnswer> {
    const allowed = allowedCall(request.method ?? '', request.url ?? '');
    const { accept, 'content-type': contentType } = request.headers;
    const body = await readBody(request);
    return prepareCall(allowed, { body, contentType, accept }, this.#task, this.#files);
  }

  #answerOwn(response: ServerResponse, { ownAnswer }: OwnAnswer): void {
    response.writeHead(200, { 'content-type': 'application/json', ...this.#limits.headers() });
    response.end(JSON.stringify(ownAnswer));
  }

  #answerError(response: ServerResponse, thrown: unknown): void {
    const isRefused = thrown instanceof PermitRefused;
    const error = isRefused ? thrown.reason : thrown;
    const isLimit = error instanceof CodedError && error.status === 429;
    const retryAfterMs = isRefused
      ? (thrown.retryAfterMs ?? (isLimit ? DEFAULT_RETRY_MS : undefined))
      : undefined;
    answerOwnError(response, error, { retryAfterMs, headers: this.#limits.headers() });
  }
}

/** An answer that broke off breaks off for the agent too: it must not look complete. */
function endResponse(response: ServerResponse, whole: boolean): void {
  if (whole) response.end();
  else response.destroy();
}
