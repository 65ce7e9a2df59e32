import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { CodedError } from '#errors/coded-error.ts';
import type { UsageCounts } from '#protocol/link-messages.ts';
import { cageClock } from '../cage-clock.ts';
import { chargeOf } from './charge.ts';
import { CutWhileSending, DroppedBeforeSending } from './departure.ts';
import type { FromMeter } from './messages.ts';
import { PermitRefused, type Permit, type PermitDesk } from './permit-desk.ts';
import type { PreparedCall } from './prepared-call.ts';
import type { ProviderConnection } from './provider-connection.ts';

/** How long an answer that the agent no longer reads is read on for its usage. */
const READ_ON_MS = 60_000;

/** Permits of one call that come too late one after the other: the way is then too slow, or a clock is wrong. */
const MOST_LATE = 10;

/** What was read of an answer. */
export interface Taken {
  readonly usage: UsageCounts | undefined;
  readonly providerResetMs?: number | undefined;
}

export interface CallsParts {
  readonly send: (message: FromMeter) => void;
  readonly desk: PermitDesk;
  readonly connection: Pick<ProviderConnection, 'call'>;
  /** The task is over: what still runs is cut off. */
  readonly cutOff: AbortSignal;
}

/** Makes calls: permit, send, take the answer, settle. A permit is settled or given back exactly once, whatever happens. */
export class Calls {
  readonly #parts: CallsParts;

  constructor(parts: CallsParts) {
    this.#parts = parts;
  }

  /**
   * The answer as `take` reads it. `gone` says that nobody wants it any more: a call that was not sent is dropped, another is read on for its usage within a limit of
   * time. Errors: `PermitRefused`, `provider_unreachable`, those of the gate, the signal's reason.
   */
  async make<T extends Taken>(
    call: PreparedCall,
    gone: AbortSignal,
    take: (answer: IncomingMessage) => Promise<T>,
  ): Promise<T> {
    const unwanted = AbortSignal.any([gone, this.#parts.cutOff]);
    const askedAt = cageClock();
    let bounded = call;
    for (let late = 0; late < MOST_LATE; late++) {
      if (late > 1) await pause(25 * 2 ** late, undefined, { signal: unwanted });
      const permitted = await this.#permitted(bounded, unwanted, cageClock() - askedAt);
      bounded = permitted.call;
      const taken = await this.#perform(bounded, permitted.permit, gone, take);
      if (taken !== DROPPED) return taken;
    }
    const reason = 'Its permits came too late to be used, one after the other.';
    throw new PermitRefused(new CodedError('limit_exceeded', { reason }));
  }

  /** Where the call would have to wait with its first bound, the tighter one is found and asked for in its place. */
  async #permitted(
    call: PreparedCall,
    signal: AbortSignal,
    waitedMs: number,
  ): Promise<{ permit: Permit; call: PreparedCall }> {
    const { desk } = this.#parts;
    const answer = await desk.ask(call, signal, waitedMs);
    if (answer !== 'tighten') return { permit: answer, call };
    const tokens = await tightened(call);
    const tight: PreparedCall = { ...call, tokens, tighten: undefined };
    const permit = await desk.ask(tight, signal, waitedMs);
    if (permit === 'tighten') throw new PermitRefused(new CodedError('limit_exceeded'));
    return { permit, call: tight };
  }

  /** `DROPPED` where the permit's time was over before anything was sent: another is needed. */
  async #perform<T extends Taken>(
    call: PreparedCall,
    permit: Permit,
    gone: AbortSignal,
    take: (answer: IncomingMessage) => Promise<T>,
  ): Promise<T | typeof DROPPED> {
    let begunAt: number | undefined;
    const readOn = this.#limitReadingOn(gone, () => begunAt !== undefined);
    const { callId, sendBefore } = permit;
    const settle = (taken: Taken, status?: number): void =>
      this.#settle(call, callId, taken, cageClock() - (begunAt ?? cageClock()), status);
    try {
      if (cageClock() >= sendBefore) throw new DroppedBeforeSending();
      const answer = await this.#parts.connection.call({
        ...call,
        signal: readOn.signal,
        mayGo: () => !gone.aborted,
        sendBefore,
        moreTime: (withinMs) => this.#parts.desk.extend(callId, call, withinMs),
        onBegun: () => (begunAt = cageClock()),
        onSent: (atMs) => this.#sent(callId, atMs),
      });
      const taken = await take(answer).catch((error: unknown) => {
        answer.destroy();
        settle(NOTHING, answer.statusCode);
        throw new AfterSettling(error);
      });
      settle(taken, answer.statusCode);
      return taken;
    } catch (error) {
      if (error instanceof AfterSettling) throw error.cause;
      if (begunAt === undefined) return this.#notSent(call, callId, gone, error);
      settle(NOTHING);
      throw new CodedError('provider_unreachable', { reason: brokenReason(error) });
    } finally {
      readOn.stop();
    }
  }

  #sent(callId: string, atMs: number): void {
    this.#parts.send({ type: 'sent', callId, agoMs: Math.max(0, cageClock() - atMs), atMs });
  }

  #notSent(call: PreparedCall, callId: string, gone: AbortSignal, error: unknown): typeof DROPPED {
    this.#parts.desk.giveBack(callId, call);
    if (error instanceof DroppedBeforeSending && !gone.aborted) return DROPPED;
    throw error;
  }

  #settle(call: PreparedCall, callId: string, taken: Taken, durationMs: number, status?: number): void {
    const { operation, model, tokens } = call;
    const { usage, providerResetMs } = taken;
    this.#parts.send({
      type: 'settle',
      callId,
      model,
      operation,
      ...chargeOf({ tokens, status, usage }),
      ...(status !== undefined && { status }),
      durationMs: Math.round(durationMs),
      ...(providerResetMs !== undefined && { providerResetMs }),
    });
  }

  /** A signal that cuts the call off at the end of the task, or some time after nobody wants it any more. */
  #limitReadingOn(gone: AbortSignal, begun: () => boolean): { signal: AbortSignal; stop: () => void } {
    const limit = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const onGone = (): void => {
      if (!begun()) limit.abort(gone.reason);
      else timer = setTimeout(() => limit.abort(gone.reason), READ_ON_MS);
    };
    gone.addEventListener('abort', onGone, { once: true });
    const stop = (): void => {
      gone.removeEventListener('abort', onGone);
      clearTimeout(timer);
    };
    return { signal: AbortSignal.any([limit.signal, this.#parts.cutOff]), stop };
  }
}

const DROPPED = Symbol('dropped before sending');
const NOTHING: Taken = { usage: undefined };

/** What went wrong after the call was settled. */
class AfterSettling extends Error {
  constructor(cause: unknown) {
    super('The answer could not be taken.', { cause });
  }
}

/** Never above the first bound; where it cannot be found the first stands. */
async function tightened({ tokens, tighten }: PreparedCall): Promise<number> {
  try {
    const tight = await tighten?.();
    return tight === undefined || !Number.isSafeInteger(tight) || tight < 0
      ? tokens
      : Math.min(tokens, tight);
  } catch {
    return tokens;
  }
}

function brokenReason(error: unknown): string {
  return error instanceof CutWhileSending
    ? 'The request was cut off: it did not move for half a minute, or no more time was given for it (the orchestrator or Redis is away). It costs what was reserved; if the way there is slow, send less in one call.'
    : 'The connection broke before an answer came.';
}
