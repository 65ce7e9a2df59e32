import { randomUUID } from 'node:crypto';
import { CodedError, fromBody } from '#errors/coded-error.ts';
import type { FromMeter, PermitDecision } from './messages.ts';

/** The right to make one call, until `sendBefore` on this process's monotonic clock. */
export interface Permit {
  readonly callId: string;
  readonly sendBefore: number;
}

/** A permit was not given: the reason, and when it is worth asking again. */
export class PermitRefused extends Error {
  readonly reason: CodedError;
  readonly retryAfterMs: number | undefined;

  constructor(reason: CodedError, retryAfterMs?: number) {
    super(reason.message);
    this.name = 'PermitRefused';
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** How much longer than the orchestrator the desk waits before it takes the answer for lost. */
const LOST_AFTER_MS = 2_000;
const DEFAULT_RETRY_MS = 5_000;

/** What a permit is asked for. */
export interface CallToPermit {
  readonly operation: string;
  readonly model: string;
  readonly tokens: number;
}

interface Waiting {
  readonly decide: (decision: PermitDecision) => void;
}

/** Asks the orchestrator for permits. Every permit that was given and is not used is given back (`charge: none`). */
export class PermitDesk {
  readonly #send: (message: FromMeter) => void;
  readonly #waitMs: number;
  readonly #waiting = new Map<string, Waiting>();
  /** Calls that nobody waits for any more, and whose permit may still come. */
  readonly #abandoned = new Map<string, CallToPermit>();

  constructor(send: (message: FromMeter) => void, waitMs: number) {
    this.#send = send;
    this.#waitMs = waitMs;
  }

  /** Throws `PermitRefused` (also after the longest wait, with `limit_exceeded`), or the signal's reason once the agent no longer waits. */
  async ask(call: CallToPermit, signal: AbortSignal): Promise<Permit> {
    signal.throwIfAborted();
    const callId = randomUUID();
    const decision = await this.#decision(callId, call, signal);
    if (decision.granted) return { callId, sendBefore: performance.now() + decision.sendWithinMs };
    throw new PermitRefused(fromBody(decision.error), decision.retryAfterMs);
  }

  decided(callId: string, decision: PermitDecision): void {
    const waiting = this.#waiting.get(callId);
    const abandoned = this.#abandoned.get(callId);
    this.#abandoned.delete(callId);
    if (waiting !== undefined) waiting.decide(decision);
    else if (decision.granted && abandoned !== undefined) this.giveBack(callId, abandoned);
  }

  giveBack(callId: string, { operation, model }: CallToPermit): void {
    this.#send({ type: 'settle', callId, model, operation, charge: 'none', durationMs: 0 });
  }

  #decision(callId: string, call: CallToPermit, signal: AbortSignal): Promise<PermitDecision> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abandoned);
        this.#waiting.delete(callId);
      };
      const abandon = (reason: unknown): void => {
        done();
        this.#abandoned.set(callId, call);
        this.#send({ type: 'permit_abandoned', callId });
        reject(reason);
      };
      const abandoned = (): void => abandon(signal.reason);
      const lost = (): void => abandon(new PermitRefused(new CodedError('limit_exceeded'), DEFAULT_RETRY_MS));
      const timer = setTimeout(lost, this.#waitMs + LOST_AFTER_MS);
      signal.addEventListener('abort', abandoned, { once: true });
      this.#waiting.set(callId, { decide: (decision) => (done(), resolve(decision)) });
      const { operation, model, tokens } = call;
      this.#send({ type: 'permit_request', callId, operation, model, tokens, waitMs: this.#waitMs });
    });
  }
}
