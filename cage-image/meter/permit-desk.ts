import { randomUUID } from 'node:crypto';
import { CodedError, fromBody } from '#errors/coded-error.ts';
import { cageClock } from '../cage-clock.ts';
import type { FromMeter, PermitDecision } from './messages.ts';
import type { RateLimits } from './rate-limits.ts';
import { explainedRefusal } from './refusal.ts';

/** The right to make one call, until `sendBefore` by the cage's clock. */
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
/** A call that has to ask once more, since its permit could not be used, may wait so long at the least (but never longer than it could at first). */
const LEAST_WAIT_MS = 5_000;

/** When a permit that was on its way as its call was dropped counts no longer, and may as well be forgotten. The orchestrator gives back what it hears of. */
const FORGOTTEN_AFTER_MS = 120_000;

/** What a permit is asked for. */
export interface CallToPermit {
  readonly operation: string;
  readonly model: string;
  readonly tokens: number;
  /** There is a tighter bound to be had: see PreparedCall. */
  readonly tighten?: unknown;
}

type Named = Pick<CallToPermit, 'operation' | 'model'>;

interface Waiting {
  readonly decide: (decision: PermitDecision) => void;
}

/** Asks the orchestrator for permits. Every permit that was given and is not used is given back (`charge: none`). */
export class PermitDesk {
  readonly #send: (message: FromMeter) => void;
  readonly #waitMs: number;
  readonly #limits: Pick<RateLimits, 'heard'>;
  readonly #waiting = new Map<string, Waiting>();
  /** Calls that nobody waits for any more, and whose permit may still come; nothing of what they would have sent is kept. */
  readonly #abandoned = new Map<string, Named>();

  constructor(send: (message: FromMeter) => void, waitMs: number, limits: Pick<RateLimits, 'heard'>) {
    this.#send = send;
    this.#waitMs = waitMs;
    this.#limits = limits;
  }

  /**
   * A permit, or `tighten` where the call would have to wait and there is a tighter bound. `waitedMs` is how long the call has waited for permits that it could not use.
   * Throws `PermitRefused` (also after the longest wait, with `limit_exceeded`), or the signal's reason once the agent no longer waits.
   */
  async ask(call: CallToPermit, signal: AbortSignal, waitedMs = 0): Promise<Permit | 'tighten'> {
    signal.throwIfAborted();
    const callId = randomUUID();
    const waitMs = Math.max(this.#waitMs - waitedMs, Math.min(this.#waitMs, LEAST_WAIT_MS));
    const decision = await this.#decision(callId, call, Math.round(waitMs), signal);
    if (decision.granted) return { callId, sendBefore: endOf(decision) };
    if (decision.tighten === true && call.tighten !== undefined) return 'tighten';
    throw new PermitRefused(explainedRefusal(fromBody(decision.error), call), decision.retryAfterMs);
  }

  /** More time for a call that is on its way: the new end of its permit. Undefined where none is given `withinMs`. */
  async extend(callId: string, call: CallToPermit, withinMs: number): Promise<number | undefined> {
    const { operation, model, tokens } = call;
    const decision = await new Promise<PermitDecision | undefined>((resolve) => {
      const decide = (given?: PermitDecision): void => {
        clearTimeout(timer);
        this.#waiting.delete(callId);
        resolve(given);
      };
      const timer = setTimeout(decide, withinMs);
      this.#waiting.set(callId, { decide });
      this.#send({ type: 'permit_request', callId, operation, model, tokens, waitMs: 0, extend: true });
    });
    return decision?.granted === true && decision.sendWithinMs > 0 ? endOf(decision) : undefined;
  }

  decided(callId: string, decision: PermitDecision): void {
    this.#limits.heard(decision.limits);
    const waiting = this.#waiting.get(callId);
    const abandoned = this.#abandoned.get(callId);
    this.#abandoned.delete(callId);
    if (waiting !== undefined) waiting.decide(decision);
    else if (decision.granted && abandoned !== undefined) this.giveBack(callId, abandoned);
  }

  giveBack(callId: string, { operation, model }: Named): void {
    this.#send({ type: 'settle', callId, model, operation, charge: 'none', durationMs: 0 });
  }

  #decision(
    callId: string,
    call: CallToPermit,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<PermitDecision> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abandoned);
        this.#waiting.delete(callId);
      };
      const abandon = (reason: unknown): void => {
        done();
        this.#abandoned.set(callId, { operation: call.operation, model: call.model });
        setTimeout(() => this.#abandoned.delete(callId), FORGOTTEN_AFTER_MS).unref();
        this.#send({ type: 'permit_abandoned', callId });
        reject(reason);
      };
      const abandoned = (): void => abandon(signal.reason);
      const lost = (): void => abandon(new PermitRefused(new CodedError('limit_exceeded')));
      const timer = setTimeout(lost, waitMs + LOST_AFTER_MS);
      signal.addEventListener('abort', abandoned, { once: true });
      this.#waiting.set(callId, { decide: (decision) => (done(), resolve(decision)) });
      const { operation, model, tokens, tighten } = call;
      const asked = { callId, operation, model, tokens, waitMs };
      this.#send({ type: 'permit_request', ...asked, ...(tighten !== undefined && { canTighten: true }) });
    });
  }
}

/** By the cage's clock. */
const endOf = ({
  sendWithinMs,
  sendBeforeMs = Infinity,
}: Extract<PermitDecision, { granted: true }>): number => Math.min(cageClock() + sendWithinMs, sendBeforeMs);
