import type { CodedError } from '#errors/coded-error.ts';
import { toCodedError } from '#errors/coded-error.ts';
import type { FromCage, ToCage, UsageCounts } from '#protocol/link-messages.ts';
import type { Caps } from '#limits/caps.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { CallRef } from '../limiter/permit-request.ts';
import type { Log } from '../log.ts';
import type { LedgerEntry } from '../store/ledger-store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Attempt } from './attempt.ts';

type PermitRequest = Extract<FromCage, { type: 'permit_request' }>;
type Settle = Extract<FromCage, { type: 'settle' }>;
type Sent = Extract<FromCage, { type: 'sent' }>;

interface Parts {
  readonly attempt: Attempt;
  readonly limiter: Limiter;
  /** Where counts are recorded; may be later where the database is away. */
  readonly ledger: { record(entry: LedgerEntry): Promise<unknown> };
  readonly telemetry: Telemetry;
  readonly log: Log;
  /** The caps in force now: a change takes effect for the next permit. */
  readonly caps: () => Promise<Caps>;
  /** Says beside the task's state that it waits for a permit, or no longer. */
  readonly onWaiting: (waiting: boolean) => void;
}

/** A permit that takes longer than this is worth telling. */
const TELL_AFTER_MS = 500;

/** Where one attempt's model calls ask for permits and are settled. */
export class CallDesk {
  readonly #parts: Parts;
  /** Permits whose waiting is told. */
  #told = 0;
  readonly #asking = new Map<string, AbortController>();
  /** What is held for each call that is not settled yet, as the metrics tell it. */
  readonly #reserved = new Map<string, number>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Answers later, by `reply`: other messages go on meanwhile. A request that is asked again while it waits is answered once. */
  async permit(request: PermitRequest, reply: (answer: ToCage) => void): Promise<void> {
    if (this.#asking.has(request.callId)) return;
    const asking = new AbortController();
    this.#asking.set(request.callId, asking);
    this.#decide(request, asking.signal)
      .then((answer) => {
        this.#asking.delete(request.callId);
        if (!asking.signal.aborted) reply({ type: 'permit', callId: request.callId, ...answer });
      })
      .catch((error: unknown) => this.#failed(request.callId, error));
  }

  abandon(callId: string): void {
    this.#asking.get(callId)?.abort();
  }

  /** Not waited for: what is never booked counts longer, not less. */
  sent({ callId, agoMs }: Sent): void {
    this.#parts.limiter
      .sent(this.#ref(callId), agoMs)
      .then(({ overrunTokens }) => this.#overrun(callId, overrunTokens))
      .catch((error: unknown) => this.#failed(callId, error));
  }

  /** The ledger before the acknowledgement; the limiter in its own time, since an entry that is never settled stands with its whole reservation. */
  async settle(message: Settle): Promise<void> {
    const { attempt, ledger, limiter, telemetry } = this.#parts;
    const { callId, charge, model, operation, usage } = message;
    const reservedTokens = this.#reserved.get(callId) ?? 0;
    this.#reserved.delete(callId);
    if (charge !== 'none') {
      const { organisation, claw, task, key } = attempt;
      await ledger.record({
        callId,
        organisation,
        claw,
        task,
        key,
        model,
        operation,
        requests: 1,
        ...(usage ?? NOTHING),
      });
      const chargedTokens = charge === 'full' ? reservedTokens : undefined;
      telemetry.callSettled({
        claw,
        model,
        usage: usage ?? NOTHING,
        source: charge,
        reservedTokens,
        ...(chargedTokens !== undefined && { chargedTokens }),
      });
    } else {
      telemetry.permitReturned({ claw: attempt.claw, reservedTokens });
    }
    if (charge === 'full') return;
    limiter
      .settle(this.#ref(callId), { tokens: usage?.totalTokens ?? 0, requests: charge === 'none' ? 0 : 1 })
      .then(({ overrunTokens }) => this.#overrun(callId, overrunTokens))
      .catch((error: unknown) => this.#failed(callId, error));
  }

  /** Waiting requests are let go; permits that were given stay counted. */
  release(): void {
    for (const asking of this.#asking.values()) asking.abort();
    this.#asking.clear();
  }

  async #decide(
    request: PermitRequest,
    signal: AbortSignal,
  ): Promise<Pick<Extract<ToCage, { type: 'permit' }>, 'decision'>> {
    const { attempt, limiter, telemetry } = this.#parts;
    const began = performance.now();
    let told = false;
    const tell = setTimeout(() => {
      told = true;
      if (++this.#told === 1) this.#parts.onWaiting(true);
    }, TELL_AFTER_MS);
    try {
      const caps = await this.#parts.caps();
      const granted = await limiter.permit(
        {
          ...this.#ref(request.callId),
          fence: attempt.fence,
          claw: attempt.claw,
          tokens: request.tokens,
          levels: [{ level: 'claw', id: attempt.claw, ...caps }],
          deadlineMs: request.waitMs,
        },
        signal,
      );
      this.#reserved.set(request.callId, request.tokens);
      telemetry.permitDecided({
        claw: attempt.claw,
        decision: 'granted',
        waitMs: performance.now() - began,
        reservedTokens: request.tokens,
      });
      return { decision: { granted: true, sendWithinMs: granted.sendWithinMs } };
    } catch (thrown) {
      const error = toCodedError(thrown);
      telemetry.permitDecided({
        claw: attempt.claw,
        decision: 'denied',
        waitMs: performance.now() - began,
        limit: limitOf(error),
      });
      return { decision: { granted: false, error: error.toBody() as never, ...retryAfter(error) } };
    } finally {
      clearTimeout(tell);
      if (told && --this.#told === 0) this.#parts.onWaiting(false);
    }
  }

  #ref(callId: string): CallRef {
    const { organisation, task, epoch } = this.#parts.attempt;
    return { organisation, task, epoch, callId };
  }

  /** A call that could not be booked or answered counts with its whole reservation: no more is lost than room. */
  #failed(callId: string, error: unknown): void {
    this.#parts.log.warn({ call: callId, code: toCodedError(error).code }, 'a call could not be booked');
  }

  #overrun(callId: string, tokens: number): void {
    if (tokens === 0) return;
    const { attempt, log, telemetry } = this.#parts;
    telemetry.overrun({ claw: attempt.claw, tokens });
    log.warn(
      { claw: attempt.claw, call: callId, overrunTokens: tokens },
      'a call used more than was reserved for it',
    );
  }
}

const NOTHING: UsageCounts = {
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  totalTokens: 0,
};

function limitOf({ details }: CodedError): 'requests' | 'tokens' | 'queue' | undefined {
  const limit = details?.limit;
  return limit === 'requests' || limit === 'tokens' || limit === 'queue' ? limit : undefined;
}

function retryAfter(error: CodedError): { retryAfterMs?: number } {
  const value = error.details?.retryAfterMs;
  return typeof value === 'number' ? { retryAfterMs: value } : {};
}
