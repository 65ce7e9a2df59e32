import { toCodedError } from '#errors/coded-error.ts';
import type { FromCage, ToCage, UsageCounts } from '#protocol/link-messages.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { CallRef } from '../limiter/permit-request.ts';
import type { Log } from '../log.ts';
import type { LedgerEntry } from '../store/ledger-store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { Permits, type PermitParts, type PermitRequest } from './permits.ts';

type Settle = Extract<FromCage, { type: 'settle' }>;
type Sent = Extract<FromCage, { type: 'sent' }>;

interface Parts extends Omit<PermitParts, 'limiter' | 'telemetry' | 'onGranted'> {
  readonly limiter: Pick<Limiter, 'permit' | 'extend' | 'sent' | 'settle' | 'closeKey'>;
  /** Where counts are recorded; may be later where the database is away. */
  readonly ledger: { record(entry: LedgerEntry): Promise<unknown> };
  readonly telemetry: Pick<
    Telemetry,
    'permitDecided' | 'tokensReserved' | 'callSettled' | 'permitReturned' | 'overrun'
  >;
  readonly log: Pick<Log, 'warn'>;
}

/** What is told of a call that took more than was held for it: never its text. */
interface Shape {
  readonly operation: string;
  readonly model: string;
  readonly reservedTokens: number;
}

/** Where one attempt's model calls ask for permits and are settled. */
export class CallDesk {
  readonly #parts: Parts;
  readonly #permits: Permits;
  readonly #asking = new Map<string, AbortController>();
  /** The calls that have a permit from here and are not settled yet; of an attempt that was taken over the earlier ones are not among them. */
  readonly #held = new Map<string, Shape>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#permits = new Permits({ ...parts, onGranted: (request) => this.#hold(request) });
  }

  /** Answers later, by `reply`: other messages go on meanwhile. A request that is asked again while it waits is answered once. */
  async permit(request: PermitRequest, reply: (answer: ToCage) => void): Promise<void> {
    const { callId } = request;
    if (this.#asking.has(callId)) return;
    const asking = new AbortController();
    this.#asking.set(callId, asking);
    this.#permits
      .decide(request, asking.signal)
      .then((decision) => {
        if (this.#asking.get(callId) === asking) this.#asking.delete(callId);
        if (!asking.signal.aborted) reply({ type: 'permit', callId, decision });
        else if (decision.granted && asking.signal.reason === DROPPED) this.#giveBack(callId);
      })
      .catch((error: unknown) => {
        if (this.#asking.get(callId) === asking) this.#asking.delete(callId);
        if (asking.signal.reason === DROPPED) this.#giveBack(callId);
        else if (!asking.signal.aborted) this.#failed(callId, error);
      });
  }

  /** Nobody waits for the call any more: it is never sent. Where its question is not open here, its permit may be on its way, or was asked for by another orchestrator. */
  abandon(callId: string): void {
    if (!this.#drop(callId)) this.#giveBack(callId);
  }

  /** Not waited for: what is never booked counts longer, not less. */
  sent({ callId, agoMs, atMs }: Sent): void {
    const { limiter, clock } = this.#parts;
    // Both are at most the time that has passed: by the cage's clock with the way of the message, by its own count without.
    const passedMs = Math.max(agoMs, (atMs === undefined ? undefined : clock.agoMs(atMs)) ?? 0);
    const shape = this.#held.get(callId);
    limiter
      .sent(this.#ref(callId), passedMs)
      .then(({ overrunTokens }) => this.#overrun(callId, overrunTokens, { ...shape, agoMs: passedMs }))
      .catch((error: unknown) => this.#failed(callId, error));
  }

  /** The ledger before the acknowledgement; the limiter in its own time, since an entry that is never settled stands with its whole reservation. */
  async settle(message: Settle): Promise<void> {
    const { attempt, ledger, limiter, telemetry } = this.#parts;
    const { callId, charge, model, operation, usage, providerResetMs } = message;
    const { organisation, claw, task, key } = attempt;
    const shape = this.#held.get(callId);
    const reservedTokens = shape?.reservedTokens ?? 0;
    this.#held.delete(callId);
    // Its meter heard of another orchestrator's end that it gets none under this name, which was asked for here all the same.
    if (charge === 'none') this.#drop(callId);
    const keyIsClosed =
      providerResetMs === undefined
        ? Promise.resolve()
        : limiter.closeKey(organisation, key, providerResetMs, this.#ref(callId));
    if (charge === 'none') telemetry.permitReturned({ claw, reservedTokens });
    else {
      const counts = usage ?? NOTHING;
      await ledger.record({
        callId,
        organisation,
        claw,
        task,
        key,
        model,
        operation,
        requests: 1,
        ...counts,
      });
      telemetry.callSettled({
        claw,
        model,
        usage: counts,
        source: charge,
        reservedTokens,
        ...(charge === 'full' && { chargedTokens: reservedTokens }),
      });
    }
    const usedTokens = usage?.totalTokens ?? 0;
    // What is charged in full is settled, too: it is no longer under way.
    const took = charge === 'full' ? {} : { tokens: usedTokens, requests: charge === 'none' ? 0 : 1 };
    // Behind the word of the provider, which counts only for a call that is not settled, and is to be heard by those whom its settlement calls.
    keyIsClosed
      .then(() => limiter.settle(this.#ref(callId), took))
      .then(({ overrunTokens }) =>
        this.#overrun(callId, overrunTokens, { ...shape, operation, model, usedTokens }),
      )
      .catch((error: unknown) => this.#failed(callId, error));
  }

  /** Waiting requests are let go; permits that were given stay counted, though no longer as held here. */
  release(): void {
    for (const asking of this.#asking.values()) asking.abort();
    this.#asking.clear();
    const { attempt, telemetry } = this.#parts;
    for (const { reservedTokens } of this.#held.values())
      telemetry.permitReturned({ claw: attempt.claw, reservedTokens });
    this.#held.clear();
  }

  /** Where its question is open here it is let go, and a permit that comes of it goes back. */
  #drop(callId: string): boolean {
    const asking = this.#asking.get(callId);
    this.#asking.delete(callId);
    asking?.abort(DROPPED);
    return asking !== undefined;
  }

  /** Redis may have granted it while it was let go, and nobody was told: it would count until its life is over, and be under way for as long as its task is. */
  #giveBack(callId: string): void {
    const { attempt, limiter, telemetry } = this.#parts;
    telemetry.permitReturned({
      claw: attempt.claw,
      reservedTokens: this.#held.get(callId)?.reservedTokens ?? 0,
    });
    this.#held.delete(callId);
    limiter
      .settle(this.#ref(callId), { tokens: 0, requests: 0 })
      .catch((error: unknown) => this.#failed(callId, error));
  }

  /** A permit that is asked for again under its name is held once. */
  #hold({ callId, operation, model, tokens }: PermitRequest): void {
    if (this.#held.has(callId)) return;
    this.#held.set(callId, { operation, model, reservedTokens: tokens });
    this.#parts.telemetry.tokensReserved({ claw: this.#parts.attempt.claw, tokens });
  }

  #ref(callId: string): CallRef {
    const { organisation, task, epoch } = this.#parts.attempt;
    return { organisation, task, epoch, callId };
  }

  /** A call that could not be booked or answered counts with its whole reservation: no more is lost than room. */
  #failed(callId: string, error: unknown): void {
    this.#parts.log.warn({ call: callId, code: toCodedError(error).code }, 'a call could not be booked');
  }

  #overrun(
    callId: string,
    tokens: number,
    shape: Partial<Shape> & { usedTokens?: number; agoMs?: number },
  ): void {
    if (tokens === 0) return;
    const { attempt, log, telemetry } = this.#parts;
    telemetry.overrun({ claw: attempt.claw, tokens });
    log.warn(
      { claw: attempt.claw, key: attempt.key, call: callId, overrunTokens: tokens, ...shape },
      shape.agoMs === undefined
        ? 'a call used more than was reserved for it'
        : 'a call was sent after its time, and is charged again',
    );
  }
}

/** Why a call's question was let go: its meter dropped it. */
const DROPPED = new Error('the call was dropped');

const NOTHING: UsageCounts = {
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  totalTokens: 0,
};
