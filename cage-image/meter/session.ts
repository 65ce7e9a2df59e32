import type { IncomingMessage, ServerResponse } from 'node:http';
import { CodedError } from '#errors/coded-error.ts';
import { allowedCall } from './allow-list.ts';
import { chargeOf, type Outcome } from './charge.ts';
import { AgentExchange, passAnswer } from './exchange.ts';
import type { FromMeter, MeterTask, PermitDecision } from './messages.ts';
import { answerOwnError } from './openai-error.ts';
import { OwnFiles } from './own-files.ts';
import { PermitDesk, PermitRefused, type Permit } from './permit-desk.ts';
import { prepareCall } from './prepare.ts';
import type { OwnAnswer, PreparedCall } from './prepared-call.ts';
import { DroppedBeforeSending, ProviderConnection } from './provider-connection.ts';
import { readBody } from './request-body.ts';

/** How long an answer that the agent no longer reads is read on for its usage. */
const READ_ON_MS = 60_000;

/** More calls at once than any agent needs; each may hold a body of 20 MiB. */
const MAX_ONGOING = 64;

/** One task's use of the key: every call goes permit, send, pass, settle; each permit is settled exactly once. */
export class MeterSession {
  readonly #task: MeterTask;
  readonly #key: Buffer;
  readonly #send: (message: FromMeter) => void;
  readonly #desk: PermitDesk;
  readonly #connection: ProviderConnection;
  readonly #files = new OwnFiles();
  readonly #ongoing = new Set<Promise<void>>();
  readonly #cutOff = new AbortController();

  /** `key` is used to find echoes of it; it is the meter's to wipe. */
  constructor(task: MeterTask, key: Buffer, send: (message: FromMeter) => void) {
    this.#task = task;
    this.#key = key;
    this.#send = send;
    this.#desk = new PermitDesk(send, task.permitWaitMs);
    this.#connection = new ProviderConnection(task.provider, task.gate);
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
    const exchange = new AgentExchange(response);
    const call = await this.#prepare(request);
    if ('ownAnswer' in call) return answerOwn(response, call);
    const gone = AbortSignal.any([exchange.gone, this.#cutOff.signal]);
    let done = false;
    while (!done) {
      const permit = await this.#desk.ask(call, gone);
      done = await this.#perform(call, permit, exchange);
    }
  }

  async #prepare(request: IncomingMessage): Promise<PreparedCall | OwnAnswer> {
    const allowed = allowedCall(request.method ?? '', request.url ?? '');
    const { accept, 'content-type': contentType } = request.headers;
    const body = await readBody(request);
    return prepareCall(allowed, { body, contentType, accept }, this.#task, this.#files);
  }

  /** False where the permit ran out before the connection stood: then nothing was sent and another is needed. */
  async #perform(call: PreparedCall, permit: Permit, exchange: AgentExchange): Promise<boolean> {
    let sentAt: number | undefined;
    const readOn = this.#limitReadingOn(exchange, () => sentAt !== undefined);
    try {
      const answer = await this.#connection.call({
        ...call,
        signal: readOn.signal,
        mayGo: () => !exchange.gone.aborted && performance.now() < permit.sendBefore,
        onSent: () => {
          sentAt = performance.now();
          this.#send({ type: 'sent', callId: permit.callId, agoMs: 0 });
        },
      });
      const passed = await passAnswer(answer, exchange, call, this.#key);
      this.#settle(call, permit, sentAt, { status: answer.statusCode, usage: passed.usage });
      endResponse(exchange.response, passed.whole);
      return true;
    } catch (error) {
      if (sentAt === undefined) return this.#notSent(call, permit, exchange, error);
      this.#settle(call, permit, sentAt, {});
      throw new CodedError('provider_unreachable', { reason: 'The connection broke before an answer came.' });
    } finally {
      readOn.stop();
    }
  }

  #notSent(call: PreparedCall, permit: Permit, exchange: AgentExchange, error: unknown): boolean {
    this.#desk.giveBack(permit.callId, call);
    if (error instanceof DroppedBeforeSending && !exchange.gone.aborted) return false;
    throw error;
  }

  #settle(
    { operation, model, tokens }: PreparedCall,
    permit: Permit,
    sentAt: number | undefined,
    outcome: Omit<Outcome, 'tokens'>,
  ): void {
    this.#send({
      type: 'settle',
      callId: permit.callId,
      model,
      operation,
      ...chargeOf({ ...outcome, tokens }),
      ...(outcome.status !== undefined && { status: outcome.status }),
      durationMs: Math.round(performance.now() - (sentAt ?? performance.now())),
    });
  }

  /** A signal that cuts the call off at the end of the task, or some time after the agent has gone away. */
  #limitReadingOn(exchange: AgentExchange, sent: () => boolean): { signal: AbortSignal; stop: () => void } {
    const limit = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const onGone = (): void => {
      if (!sent()) limit.abort(exchange.gone.reason);
      else timer = setTimeout(() => limit.abort(exchange.gone.reason), READ_ON_MS);
    };
    exchange.gone.addEventListener('abort', onGone, { once: true });
    const stop = (): void => {
      exchange.gone.removeEventListener('abort', onGone);
      clearTimeout(timer);
    };
    return { signal: AbortSignal.any([limit.signal, this.#cutOff.signal]), stop };
  }

  #answerError(response: ServerResponse, error: unknown): void {
    if (error instanceof PermitRefused) {
      answerOwnError(response, error.reason, {
        retryAfterMs: error.retryAfterMs,
        headers: this.#limitHeaders(error.reason),
      });
    } else {
      answerOwnError(response, error);
    }
  }

  /** In the form of https://platform.openai.com/docs/guides/rate-limits; what remains is not told, since it is shared and known only to the limiter. */
  #limitHeaders(reason: CodedError): Record<string, string> {
    const { requestsPerMinute, tokensPerMinute } = this.#task;
    if (reason.status !== 429) return {};
    return {
      ...(requestsPerMinute !== undefined && { 'x-ratelimit-limit-requests': String(requestsPerMinute) }),
      ...(tokensPerMinute !== undefined && { 'x-ratelimit-limit-tokens': String(tokensPerMinute) }),
    };
  }
}

function answerOwn(response: ServerResponse, { ownAnswer }: OwnAnswer): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(ownAnswer));
}

/** An answer that broke off breaks off for the agent too: it must not look complete. */
function endResponse(response: ServerResponse, whole: boolean): void {
  if (whole) response.end();
  else response.destroy();
}
