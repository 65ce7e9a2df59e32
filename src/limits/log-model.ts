import { limitInTheWay, limitNeverMet, type Caps, type LimitName } from './caps.ts';
import { expirySent, expiryUnsent, isLate, sentAt, SEND_WITHIN_MS } from './window.ts';

/**
 * What the limiter must do, written to be read and not to be fast: no running sums, no sorted sets, every question
 * answered by looking at every call. The Lua scripts are compared with it step by step.
 */
export interface ModelRequest {
  readonly call: string;
  readonly task: string;
  /** Of who asks: the newest of the task is obeyed. */
  readonly fence: number;
  /** The Claw in whose line the call waits. */
  readonly line: string;
  readonly tokens: number;
  readonly requests: number;
  readonly levels: readonly (Caps & { readonly id: string })[];
  /** 0: it does not wait. */
  readonly leaseMs: number;
}

export type ModelAnswer =
  | { readonly kind: 'granted'; readonly sendWithinMs: number }
  | { readonly kind: 'never'; readonly level: number; readonly limit: LimitName }
  | {
      readonly kind: 'wait';
      /** Which level denied, from 1; 0 where only earlier calls are in the way. */
      readonly level: number;
      readonly limit: LimitName | 'queue';
      readonly retryAfterMs: number;
      /** Place in the line, 0 = head; -1 where it does not wait. */
      readonly place: number;
    }
  | { readonly kind: 'superseded' | 'unfenced' };

interface Charge {
  readonly expires: number;
}

interface Call {
  readonly permittedAt: number;
  readonly reserved: number;
  readonly levels: readonly string[];
  tokens: number;
  requests: number;
  sentAt?: number;
  settled: boolean;
}

interface Waiter {
  readonly call: string;
  readonly line: string;
  leaseUntil: number;
}

export class LogModel {
  readonly #calls = new Map<string, Call>();
  readonly #fences = new Map<string, number>();
  #waiting: Waiter[] = [];

  fence(task: string, fence: number): number {
    const newest = Math.max(this.#fences.get(task) ?? 0, fence);
    this.#fences.set(task, newest);
    return newest;
  }

  permit(request: ModelRequest, now: number): ModelAnswer {
    const newest = this.#fences.get(request.task);
    if (newest === undefined || newest < request.fence) return { kind: 'unfenced' };
    if (newest > request.fence) return this.#leave(request.call, { kind: 'superseded' });

    const before = this.#calls.get(request.call);
    if (before) return { kind: 'granted', sendWithinMs: before.settled ? 0 : timeLeft(before, now) };

    const never = firstLimit(request.levels, (level) => limitNeverMet(level, request));
    if (never) return this.#leave(request.call, { kind: 'never', ...never });

    const head = this.#line(request.line, now)[0];
    const denial = firstLimit(request.levels, (level) =>
      limitInTheWay(level, this.counted(level.id, now), request),
    );
    if ((head === undefined || head.call === request.call) && !denial) return this.#grant(request, now);
    return {
      kind: 'wait',
      level: denial?.level ?? 0,
      limit: denial?.limit ?? 'queue',
      retryAfterMs: this.#roomAt(request, now) - now,
      place: this.#wait(request, now),
    };
  }

  /** Answers the tokens that count twice from now on. */
  sent(name: string, agoMs: number, now: number): number {
    const call = this.#calls.get(name);
    if (!call || call.sentAt !== undefined) return 0;
    call.sentAt = sentAt(call.permittedAt, now, agoMs);
    return isLate(call.permittedAt, call.sentAt) ? call.tokens : 0;
  }

  /** Answers the tokens above the reservation. */
  settle(name: string, took: { tokens?: number | undefined; requests?: number | undefined }): number {
    const call = this.#calls.get(name);
    if (!call || call.settled) return 0;
    call.settled = true;
    call.tokens = took.tokens ?? call.reserved;
    call.requests = took.requests ?? call.requests;
    return Math.max(0, call.tokens - call.reserved);
  }

  withdraw(name: string): void {
    this.#waiting = this.#waiting.filter((waiter) => waiter.call !== name);
  }

  counted(level: string, now: number): { tokens: number; requests: number } {
    const sum = { tokens: 0, requests: 0 };
    for (const call of this.#calls.values()) {
      if (!call.levels.includes(level)) continue;
      const times = charges(call).filter(({ expires }) => expires > now).length;
      sum.tokens += times * call.tokens;
      sum.requests += times * call.requests;
    }
    return sum;
  }

  waiting = (line: string, now: number): number => this.#line(line, now).length;

  #line(line: string, now: number): Waiter[] {
    return this.#waiting.filter((waiter) => waiter.line === line && waiter.leaseUntil > now);
  }

  #grant(request: ModelRequest, now: number): ModelAnswer {
    const { tokens, requests, levels } = request;
    const ids = levels.map(({ id }) => id);
    this.#calls.set(request.call, {
      permittedAt: now,
      reserved: tokens,
      levels: ids,
      tokens,
      requests,
      settled: false,
    });
    return this.#leave(request.call, { kind: 'granted', sendWithinMs: SEND_WITHIN_MS });
  }

  #wait(request: ModelRequest, now: number): number {
    this.#waiting = this.#waiting.filter((waiter) => waiter.leaseUntil > now);
    if (request.leaseMs === 0) {
      this.withdraw(request.call);
      return -1;
    }
    const leaseUntil = now + request.leaseMs;
    const own = this.#waiting.find((waiter) => waiter.call === request.call);
    if (own) own.leaseUntil = leaseUntil;
    else this.#waiting.push({ call: request.call, line: request.line, leaseUntil });
    return this.#line(request.line, now).findIndex((waiter) => waiter.call === request.call);
  }

  /** The first moment at which every level has room, if nothing is settled before. */
  #roomAt(request: ModelRequest, now: number): number {
    const fits = (at: number): boolean =>
      firstLimit(request.levels, (level) => limitInTheWay(level, this.counted(level.id, at), request)) ===
      undefined;
    const ends = [...this.#calls.values()].flatMap(charges).map(({ expires }) => expires);
    const moments = [now, ...ends.filter((end) => end > now).sort((a, b) => a - b)];
    return moments.find(fits) ?? Number.NaN;
  }

  #leave<T extends ModelAnswer>(call: string, answer: T): T {
    this.withdraw(call);
    return answer;
  }
}

/** A call counts once; one that was sent late counts a second time, from its true time. */
function charges(call: Call): Charge[] {
  if (call.sentAt === undefined) return [{ expires: expiryUnsent(call.permittedAt) }];
  if (!isLate(call.permittedAt, call.sentAt)) return [{ expires: expirySent(call.sentAt) }];
  return [{ expires: expiryUnsent(call.permittedAt) }, { expires: expirySent(call.sentAt) }];
}

const timeLeft = (call: Call, now: number): number => Math.max(0, call.permittedAt + SEND_WITHIN_MS - now);

function firstLimit<T>(
  levels: readonly T[],
  limitOf: (level: T) => LimitName | undefined,
): { level: number; limit: LimitName } | undefined {
  for (const [index, level] of levels.entries()) {
    const limit = limitOf(level);
    if (limit) return { level: index + 1, limit };
  }
  return undefined;
}
