import { once } from 'node:events';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { FromCage, PermitDecision } from '#protocol/link-messages.ts';
import { LimitRefusal } from '../limits/limit-refusal.ts';
import { isTakenOver } from '../limits/superseded.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { Grant, Standing } from '../limiter/permit-request.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Attempt } from './attempt.ts';
import { limitStateOf } from './limit-state-of.ts';
import { PermitWaits } from './permit-waits.ts';

export type PermitRequest = Extract<FromCage, { type: 'permit_request' }>;
type Granted = Extract<PermitDecision, { granted: true }>;

/** The cage's clock as this process knows it: see CageClock. Undefined where the cage has not told it. */
export interface Clock {
  agoMs(atMs: number): number | undefined;
  cageTime(ownMs: number): number | undefined;
}

export interface PermitParts {
  readonly attempt: Attempt;
  readonly limiter: Pick<Limiter, 'permit' | 'extend'>;
  readonly telemetry: Pick<Telemetry, 'permitDecided'>;
  readonly clock: Clock;
  /** What is in force now: a change takes effect for the next permit, and for one that waits. */
  readonly standing: () => Promise<Standing>;
  /** Says beside the task's state why its calls wait: `permit: key tokens`; null once none does. */
  readonly onWaiting: (reason: string | null) => void;
  /** A permit was given, before it is told. */
  readonly onGranted: (request: PermitRequest) => void;
}

/** How long after the end of its time an attempt surely has no calls under way: longer than its cage may take to be ended, by all graces together. */
const SURELY_OVER_MS = 900_000;

/** Asks the limiter for one attempt's permits, and tells what they wait for. */
export class Permits {
  readonly #parts: PermitParts;
  readonly #waits: PermitWaits;

  constructor(parts: PermitParts) {
    this.#parts = parts;
    this.#waits = new PermitWaits(parts.onWaiting);
  }

  /**
   * Waits as long as the request says. Rejects with the signal's reason where it was let go; every other failure is a decision. Where another orchestrator controls
   * the cage by now it decides: the cage asks it anew, and would take our refusal for the end of its call.
   */
  async decide(request: PermitRequest, signal: AbortSignal): Promise<PermitDecision> {
    if (request.extend) return this.#extended(request);
    const { callId } = request;
    const began = performance.now();
    this.#waits.begin(callId);
    try {
      if (request.canTighten) {
        const tighten = await this.#atOnceOrTighter(request, signal, began);
        if (tighten) return tighten;
      }
      return await this.#ask(request, request.waitMs, signal, began);
    } catch (thrown) {
      const error = toCodedError(thrown);
      if (isTakenOver(error) && !signal.aborted) await once(signal, 'abort');
      signal.throwIfAborted();
      this.#parts.telemetry.permitDecided({
        claw: this.#parts.attempt.claw,
        decision: 'denied',
        waitMs: performance.now() - began,
        limit: error.details?.limit,
      });
      return refused(error);
    } finally {
      this.#waits.end(callId);
    }
  }

  /** Where a call would have to wait, or could never be made, its bound may be too wide: the meter is asked for a tighter one, and nothing waits meanwhile. */
  async #atOnceOrTighter(
    request: PermitRequest,
    signal: AbortSignal,
    began: number,
  ): Promise<PermitDecision | undefined> {
    try {
      return await this.#ask(request, 0, signal, began);
    } catch (thrown) {
      signal.throwIfAborted();
      const error = toCodedError(thrown);
      if (error.code === 'limit_exceeded' || neverFitsTokens(error))
        return { ...refused(error), tighten: true };
      // Undecided: its bound is not what keeps it.
      if (error.code === 'limiter_unavailable' || error.code === 'store_unavailable') return undefined;
      throw error;
    }
  }

  /** More time for a call that is on its way. It has none to wait for: where it gets none the meter ends it in time. */
  async #extended({ callId }: PermitRequest): Promise<PermitDecision> {
    const { organisation, task, epoch } = this.#parts.attempt;
    try {
      const more = await this.#parts.limiter.extend({ organisation, task, epoch, callId });
      return more ? this.#until(more) : refused(new CodedError('limit_exceeded'));
    } catch (thrown) {
      return refused(toCodedError(thrown));
    }
  }

  /** The end of a permit, by the cage's clock as well where that is known. */
  #until({ sinceMs, sendWithinMs }: Pick<Grant, 'sinceMs' | 'sendWithinMs'>): Granted {
    const sendBeforeMs = this.#parts.clock.cageTime(sinceMs + sendWithinMs);
    return { granted: true, sendWithinMs, ...(sendBeforeMs !== undefined && { sendBeforeMs }) };
  }

  async #ask(
    request: PermitRequest,
    deadlineMs: number,
    signal: AbortSignal,
    began: number,
  ): Promise<PermitDecision> {
    const { attempt, limiter, telemetry, standing, onGranted } = this.#parts;
    const { organisation, task, epoch, fence, claw } = attempt;
    const { callId, tokens } = request;
    const grant = await limiter.permit(
      {
        organisation,
        task,
        epoch,
        callId,
        fence,
        claw,
        tokens,
        standing,
        deadlineMs,
        ...(attempt.endsAt !== undefined && {
          underWayMs: Math.max(0, attempt.endsAt - performance.now()) + SURELY_OVER_MS,
        }),
        onWaiting: (reason) => this.#waits.waitsFor(callId, reason),
      },
      signal,
    );
    onGranted(request);
    telemetry.permitDecided({
      claw,
      decision: 'granted',
      waitMs: performance.now() - began,
    });
    return { ...this.#until(grant), limits: limitStateOf(grant.levels) };
  }
}

function refused(error: CodedError): Extract<PermitDecision, { granted: false }> {
  const retryAfterMs = error.details?.retryAfterMs;
  return {
    granted: false,
    error: error.toBody() as never,
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
    ...(error instanceof LimitRefusal && { limits: limitStateOf(error.levels) }),
  };
}

function neverFitsTokens({ code, details }: CodedError): boolean {
  return code === 'limit_never_fits' && details?.limit === 'tokens';
}
