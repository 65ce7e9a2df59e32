import { limitInTheWay, limitNeverMet, type Caps, type LimitName } from './caps.ts';
import { TurnsModel } from './turns-model.ts';
import { expirySent, expiryUnsent, isLate, sentAt, SEND_WITHIN_MS } from './window.ts';

export type LevelKind = 'claw' | 'key' | 'organisation';

/**
 * What the limiter must do, written to be read and not to be fast: no running sums, no sorted sets, every question
 * answered by looking at every call. The Lua scripts are compared with it step by step.
 */
export interface ModelRequest {
  readonly call: string;
  readonly task: string;
  readonly epoch: number;
  /** Of who asks: the newest of the task is obeyed. */
  readonly fence: number;
  /** The Claw in whose line the call waits. */
  readonly line: string;
  readonly tokens: number;
  readonly requests: number;
  readonly levels: readonly (Caps & { readonly id: string; readonly kind: LevelKind })[];
  readonly weight: number;
  readonly callsAtOnce?: number | undefined;
  readonly isPaused: boolean;
  /** 0: it does not wait. */
  readonly leaseMs: number;
  /** How long it may wait yet. */
  readonly leftMs: number;
  /** How long it may be under way. */
  readonly underWayMs: number;
}

export type ModelAnswer =
  | { readonly kind: 'granted'; readonly sendWithinMs: number; readonly states: LevelCount[] }
  | {
      readonly kind: 'never';
      readonly level: number;
      readonly limit: LimitName;
      readonly states: LevelCount[];
    }
  | {
      readonly kind: 'wait';
      /** Which level denied, from 1. */
      readonly level: number;
      readonly limit: LimitName | 'queue' | 'turn' | 'calls' | 'provider' | 'paused';
      readonly retryAfterMs: number;
      /** Place in the line, 0 = head; -1 where it does not wait. */
      readonly place: number;
    }
  | { readonly kind: 'superseded' | 'unfenced' };

/** What a level with caps counts: which one (from 1), how much, and when it is empty. */
export type LevelCount = readonly [level: number, requests: number, tokens: number, emptyInMs: number];

interface Charge {
  readonly expires: number;
}

interface Call {
  readonly task: string;
  readonly epoch: number;
  readonly line: string;
  readonly permittedAt: number;
  readonly reserved: number;
  readonly levels: readonly string[];
  tokens: number;
  requests: number;
  /** From when its time for sending runs, where it was given more. */
  extendedAt?: number;
  sentAt?: number;
  settled: boolean;
  underWayUntil: number;
}

interface Waiter {
  readonly call: string;
  readonly line: string;
  leaseUntil: number;
}

export class LogModel {
  readonly #calls = new Map<string, Call>();
  readonly #fences = new Map<string, number>();
  readonly #closed = new Map<string, { until: number; said: number }>();
  readonly #turns = new TurnsModel();
  #waiting: Waiter[] = [];

  /** Calls of attempts before `epoch` are under way no longer. */
  fence(task: string, fence: number, epoch: number): number {
    const newest = Math.max(this.#fences.get(task) ?? 0, fence);
    this.#fences.set(task, newest);
    this.#land(task, epoch);
    return newest;
  }

  forget(task: string): void {
    this.#fences.delete(task);
    this.#land(task, Number.POSITIVE_INFINITY);
  }

  /** The provider's newest word stands, but within a second of another only the longer. Answers for how long. */
  closeKey(level: string, ms: number, now: number): number {
    const before = this.#wordOf(level, now);
    const isBeside = before !== undefined && now - before.said < 1_000;
    const until = Math.max(now + ms, isBeside ? before.until : 0);
    if (until > now) this.#closed.set(level, { until, said: now });
    else this.#closed.delete(level);
    return until - now;
  }

  permit(request: ModelRequest, now: number): ModelAnswer {
    const newest = this.#fences.get(request.task);
    if (newest === undefined || newest < request.fence) return { kind: 'unfenced' };
    this.#dropLapsed(now);
    if (newest > request.fence) return this.#leave(request.call, now, { kind: 'superseded' });

    const before = this.#calls.get(request.call);
    if (before) {
      const sendWithinMs = before.settled ? 0 : timeLeft(before, now);
      return { kind: 'granted', sendWithinMs, states: this.#states(request, now) };
    }
    const never = firstLimit(request.levels, (level) => limitNeverMet(level, request));
    if (never) {
      this.#leave(request.call, now, never);
      return { kind: 'never', ...never, states: this.#states(request, now) };
    }
    if (request.isPaused) {
      this.#turns.leave(request.line);
      return { kind: 'wait', level: 1, limit: 'paused', retryAfterMs: 0, place: this.#wait(request, now) };
    }
    const isHopeless = request.levels.some((level) => this.#closedUntil(level, now) > now + request.leftMs);
    return this.#decide(isHopeless ? { ...request, leaseMs: 0 } : request, now);
  }

  /** Answers the tokens that count twice from now on. */
  sent(name: string, agoMs: number, now: number): number {
    const call = this.#calls.get(name);
    if (!call || call.sentAt !== undefined) return 0;
    call.sentAt = sentAt(call.permittedAt, now, agoMs);
    return isLate(call.extendedAt ?? call.permittedAt, call.sentAt) ? call.tokens : 0;
  }

  /** Answers the tokens above the reservation. */
  settle(name: string, took: { tokens?: number | undefined; requests?: number | undefined }): number {
    const call = this.#calls.get(name);
    if (!call || call.settled) return 0;
    call.settled = true;
    call.underWayUntil = 0;
    call.tokens = took.tokens ?? call.reserved;
    call.requests = took.requests ?? call.requests;
    return Math.max(0, call.tokens - call.reserved);
  }

  /** How much time for sending a call has from now on that asks for more: 0 where it was sent, is over or counts no longer. */
  extend(name: string, now: number): number {
    const call = this.#calls.get(name);
    if (!call || call.settled || call.sentAt !== undefined) return 0;
    if (charges(call).every(({ expires }) => expires <= now)) return 0;
    call.extendedAt = now;
    return SEND_WITHIN_MS;
  }

  withdraw(name: string, now: number): void {
    this.#leave(name, now, undefined);
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

  inFlight = (line: string, now: number): number =>
    [...this.#calls.values()].filter((call) => call.line === line && call.underWayUntil > now).length;

  clawsWaiting = (level: string, now: number): number => this.#turns.waiting(level, now);

  #decide(request: ModelRequest, now: number): ModelAnswer {
    const { line, call, leaseMs } = request;
    const head = this.#line(line, now)[0];
    const isFirst = head === undefined || head.call === call;
    if (!isFirst && leaseMs > 0)
      return { kind: 'wait', level: 1, limit: 'queue', retryAfterMs: 0, place: this.#wait(request, now) };

    const denial = this.#denial(request, isFirst, now);
    if (isFirst && !denial) return this.#grant(request, now);
    const { level, limit } = denial ?? { level: 1, limit: 'queue' as const };
    const retryAfterMs = this.#roomAt(request, now) - now;
    const place = this.#wait(request, now);
    if (place === 0) this.#standAt(request, level, now);
    return { kind: 'wait', level, limit, retryAfterMs, place };
  }

  #denial(
    request: ModelRequest,
    isFirst: boolean,
    now: number,
  ): { level: number; limit: LimitName | 'turn' | 'calls' | 'provider' } | undefined {
    const { callsAtOnce, line } = request;
    return firstLimit(request.levels, (level) => {
      if (level.kind === 'claw' && callsAtOnce !== undefined && this.inFlight(line, now) >= callsAtOnce)
        return 'calls';
      if (this.#closedUntil(level, now) > now) return 'provider';
      const limit = limitInTheWay(level, this.counted(level.id, now), request);
      if (limit) return limit;
      return isFirst && hasTurns(level) && this.#turns.isBlocked(level.id, line, now) ? 'turn' : undefined;
    });
  }

  /** The lowest level that denies the head is where its Claw stands; at its own it is in nobody's way. */
  #standAt({ levels, line, leaseMs }: ModelRequest, denying: number, now: number): void {
    const level = levels[denying - 1];
    if (level && hasTurns(level)) this.#turns.stand(level.id, line, now, leaseMs);
    else this.#turns.leave(line);
  }

  #closedUntil = (level: ModelRequest['levels'][number], now: number): number => {
    const until = level.kind === 'key' ? (this.#wordOf(level.id, now)?.until ?? 0) : 0;
    return until > now ? until : 0;
  };

  /** What the provider said of a key. A word from ahead of the clock was said before that was set back, and is void. */
  #wordOf(key: string, now: number): { until: number; said: number } | undefined {
    if ((this.#closed.get(key)?.said ?? now) > now) this.#closed.delete(key);
    return this.#closed.get(key);
  }

  #line(line: string, now: number): Waiter[] {
    return this.#waiting.filter((waiter) => waiter.line === line && waiter.leaseUntil > now);
  }

  #grant(request: ModelRequest, now: number): ModelAnswer {
    const { task, epoch, line, tokens, requests, levels, underWayMs } = request;
    this.#calls.set(request.call, {
      task,
      epoch,
      line,
      permittedAt: now,
      reserved: tokens,
      levels: levels.map(({ id }) => id),
      tokens,
      requests,
      settled: false,
      underWayUntil: now + underWayMs,
    });
    this.#turns.granted(levels.filter(hasTurns), line, request, now);
    this.#leave(request.call, now, undefined);
    return { kind: 'granted', sendWithinMs: SEND_WITHIN_MS, states: this.#states(request, now) };
  }

  #wait(request: ModelRequest, now: number): number {
    if (request.leaseMs === 0) {
      this.withdraw(request.call, now);
      return -1;
    }
    const leaseUntil = now + request.leaseMs;
    const own = this.#waiting.find((waiter) => waiter.call === request.call);
    if (own) own.leaseUntil = leaseUntil;
    else this.#waiting.push({ call: request.call, line: request.line, leaseUntil });
    return this.#waiting
      .filter((waiter) => waiter.line === request.line)
      .findIndex((waiter) => waiter.call === request.call);
  }

  /** The first moment at which every level has room, if nothing is settled before. */
  #roomAt(request: ModelRequest, now: number): number {
    const fits = (at: number): boolean =>
      firstLimit(request.levels, (level) => limitInTheWay(level, this.counted(level.id, at), request)) ===
      undefined;
    const ends = [...this.#calls.values()].flatMap(charges).map(({ expires }) => expires);
    const moments = [now, ...ends.filter((end) => end > now).sort((a, b) => a - b)];
    const room = moments.find(fits) ?? Number.NaN;
    return Math.max(room, ...request.levels.map((level) => this.#closedUntil(level, now)));
  }

  #states(request: ModelRequest, now: number): LevelCount[] {
    return request.levels.flatMap((level, index) => {
      if (!hasCaps(level)) return [];
      const { requests, tokens } = this.counted(level.id, now);
      const ends = [...this.#calls.values()]
        .filter((call) => call.levels.includes(level.id))
        .flatMap(charges)
        .map(({ expires }) => expires - now);
      return [[index + 1, requests, tokens, Math.max(0, ...ends)] as const];
    });
  }

  /** A place that nobody renewed is void. */
  #dropLapsed(now: number): void {
    this.#waiting = this.#waiting.filter((waiter) => waiter.leaseUntil > now);
  }

  #land(task: string, beforeEpoch: number): void {
    for (const call of this.#calls.values())
      if (call.task === task && call.epoch < beforeEpoch) call.underWayUntil = 0;
  }

  #leave<T>(call: string, now: number, answer: T): T {
    this.#dropLapsed(now);
    const waiter = this.#waiting.find((one) => one.call === call);
    if (!waiter) return answer;
    const line = this.#waiting.filter((one) => one.line === waiter.line);
    this.#waiting = this.#waiting.filter((one) => one !== waiter);
    if (line[0] === waiter) this.#turns.handOn(waiter.line, line[1]?.leaseUntil, now);
    return answer;
  }
}

/** A call counts once; one that was sent late counts a second time, from its true time. */
function charges(call: Call): Charge[] {
  const { permittedAt, extendedAt: from = permittedAt, sentAt: sent } = call;
  if (sent === undefined) return [{ expires: expiryUnsent(from) }];
  if (!isLate(from, sent)) return [{ expires: expirySent(sent) }];
  return [{ expires: expiryUnsent(from) }, { expires: expirySent(sent) }];
}

const timeLeft = (call: Call, now: number): number => Math.max(0, call.permittedAt + SEND_WITHIN_MS - now);
const hasCaps = (level: Caps): boolean =>
  level.requestsPerMinute !== undefined || level.tokensPerMinute !== undefined;
const hasTurns = (level: ModelRequest['levels'][number]): boolean => level.kind !== 'claw' && hasCaps(level);

function firstLimit<T, L>(
  levels: readonly T[],
  limitOf: (level: T) => L | undefined,
): { level: number; limit: L } | undefined {
  for (const [index, level] of levels.entries()) {
    const limit = limitOf(level);
    if (limit) return { level: index + 1, limit };
  }
  return undefined;
}
