import type { Redis } from 'ioredis';
import { CodedError } from '#errors/coded-error.ts';
import { LARGEST_CAP } from '#limits/caps.ts';
import { ENTRY_MS, LONGEST_LIFE_MS, SEND_WITHIN_MS } from '#limits/window.ts';
import { troubleOf } from '../redis/trouble.ts';
import { readAnswer, type PermitAnswer } from './answers.ts';
import { LimiterConnection } from './connection.ts';
import { Keys, refName } from './keys.ts';
import { Opening } from './opening.ts';
import type { CallRef, Grant, Level, PermitRequest } from './permit-request.ts';
import { Scripts, type ScriptName } from './scripts.ts';
import { Waiters } from './wakeable.ts';

export interface LimiterOptions {
  /** The installation: those that share a Redis stay apart by it. */
  readonly install?: string;
  readonly sendWithinMs?: number;
  /** How long a call counts after it was sent. */
  readonly entryMs?: number;
  /** How long nothing is permitted after a loss of Redis. Default: the longest life of an entry, 91 s. */
  readonly holdMs?: number;
  /** The run id of the Redis that this installation used last, unless it was stopped in order since. */
  readonly lastRunId?: string;
  /** A waiting call keeps its place so long without renewing it (its orchestrator died). */
  readonly leaseMs?: number;
  readonly renewMs?: number;
  readonly commandMs?: number;
  /** How long a call that is never settled is remembered; and one that is. */
  readonly recordMs?: number;
  readonly settledMs?: number;
  /** For tests of borders: Lua that defines `clock()`. */
  readonly clock?: string;
  readonly onError?: (error: Error) => void;
  readonly onRunId?: (runId: string) => void;
}

const HOUR_MS = 3_600_000;
const DEFAULTS = {
  install: 'default',
  sendWithinMs: SEND_WITHIN_MS,
  entryMs: ENTRY_MS,
  leaseMs: 15_000,
  renewMs: 5_000,
  commandMs: 2_000,
  recordMs: 24 * HOUR_MS,
  settledMs: HOUR_MS,
} as const;

/** How soon a call is tried again when Redis fails to answer. */
const RETRY_MS = 500;

/**
 * The right to make provider calls, decided in Redis for any number of orchestrators at once. DESIGN section 7.
 * Where the state is unknown nothing is permitted; nothing here rejects unless somebody awaits it.
 */
export class Limiter {
  readonly #options: Required<Omit<LimiterOptions, 'lastRunId' | 'clock' | 'onError' | 'onRunId' | 'holdMs'>>;
  readonly #onError: (error: Error) => void;
  readonly #keys: Keys;
  readonly #scripts: Scripts;
  readonly #connection: LimiterConnection;
  readonly #opening: Opening;
  readonly #waiters = new Waiters();
  /** What was fenced here, to fence it again when Redis has lost it. */
  readonly #fences = new Map<string, number>();
  readonly #closing = new AbortController();

  /** `redis` is only the pattern for connections of its own; it stays the caller's. */
  constructor(redis: Redis, options: LimiterOptions = {}) {
    this.#options = { ...DEFAULTS, ...options };
    this.#onError = options.onError ?? (() => undefined);
    this.#keys = new Keys(`clawcage:${this.#options.install}`);
    this.#scripts = new Scripts(options.clock);
    this.#opening = new Opening(options.holdMs ?? LONGEST_LIFE_MS, () => performance.now());
    this.#connection = new LimiterConnection(redis, {
      commandMs: this.#options.commandMs,
      channel: this.#keys.channel,
      onError: this.#onError,
      onRoom: (ref) => this.#waiters.wake(ref),
      onReady: () => this.#waiters.wakeAll(),
      onRunId: (runId, before) => {
        const expected = before ?? options.lastRunId;
        if (expected !== undefined && expected !== runId) this.#opening.lost();
        options.onRunId?.(runId);
      },
    });
  }

  /** Redis answers, and its books can be read. */
  get isReady(): boolean {
    return this.#connection.isReady;
  }

  /**
   * Waits in order for the right to make one call and takes it: in all levels or in none. Asked again under the same
   * name it answers the same. Errors: `limit_exceeded` {level, limit, retryAfterMs} at the deadline, `limit_never_fits`
   * {level, limit}, `epoch_superseded`, `limiter_unavailable`, `request_invalid`; the signal's reason when aborted. A permit
   * that was granted while the caller aborted stays charged, as nobody can know who was told: settle it with 0 where the
   * meter says that it dropped the call.
   */
  async permit(request: PermitRequest, signal?: AbortSignal): Promise<Grant> {
    checkAmounts(request);
    const ref = refName(request);
    const either = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
    const waiter = this.#waiters.add(ref);
    const startedAt = performance.now();
    const waitedMs = (): number => performance.now() - startedAt;
    try {
      for (;;) {
        either.throwIfAborted();
        const leftMs = request.deadlineMs - waitedMs();
        waiter.forgetNews();
        const answer = await this.#ask(request, leftMs > 0 ? this.#options.leaseMs : 0);
        if (answer.kind === 'granted') {
          either.throwIfAborted();
          return { granted: true, sendWithinMs: answer.sendWithinMs, waitedMs: Math.round(waitedMs()) };
        }
        if (leftMs <= 0) throw refusal(answer);
        await waiter.wait(Math.max(1, Math.min(leftMs, this.#pauseMs(answer))), either);
      }
    } finally {
      this.#waiters.remove(ref, waiter);
      if (either.aborted) void this.#withdraw(request);
    }
  }

  /**
   * The call's bytes went out `agoMs` ago. Sent after its deadline it is charged again, which is the overrun. Tries until
   * Redis has it or the call counts no longer; never rejects.
   */
  async sent(call: CallRef, agoMs: number): Promise<{ overrunTokens: number }> {
    const startedAt = performance.now();
    return await this.#book('sent', call, () => [
      Math.max(0, Math.floor(agoMs + performance.now() - startedAt)),
      this.#options.sendWithinMs,
      this.#options.entryMs,
      this.#keys.channel,
    ]);
  }

  /**
   * The call is over and took so many tokens (left out: its whole reservation) and requests (left out: as permitted; 0 if it
   * was never sent). Counts once however often it comes. `overrunTokens` is what it took above its reservation. Tries
   * until Redis has it or the call counts no longer; never rejects.
   */
  async settle(
    call: CallRef,
    took: { tokens?: number; requests?: number },
  ): Promise<{ overrunTokens: number }> {
    return await this.#book('settle', call, () => [
      took.tokens === undefined ? '' : wholeTokens(took.tokens),
      took.requests ?? '',
      this.#options.sendWithinMs,
      this.#options.entryMs,
      this.#options.settledMs,
      this.#keys.channel,
    ]);
  }

  /**
   * From now on only this attempt of the task gets permits, and only through the controller of its cage that has this fence (see fenceOf). To be called by whoever starts
   * or takes over an attempt. Errors: `epoch_superseded` where a newer one has been fenced, `limiter_unavailable`.
   */
  async fence(organisation: string, task: string, fence: number): Promise<void> {
    const key = this.#keys.fence(organisation, task);
    const newest = await this.#run('fence', [key], [fence, this.#options.recordMs]);
    if (Number(newest) > fence) throw new CodedError('epoch_superseded');
    this.#fences.set(key, fence);
  }

  /** The task is over: none of its attempts gets a permit any more. Never rejects. */
  async forget(organisation: string, task: string): Promise<void> {
    const key = this.#keys.fence(organisation, task);
    this.#fences.delete(key);
    try {
      await this.#connection.use().del(key);
    } catch (error) {
      // The key runs out by itself.
      this.#onError(error as Error);
    }
  }

  /** What a level counts at this moment, and how many calls of a Claw wait. Error: `limiter_unavailable`. */
  async window(
    organisation: string,
    level: Level['level'],
    id: string,
  ): Promise<{ requests: number; tokens: number; waiting: number }> {
    const [queue, leases] = this.#keys.line(organisation, id);
    const keys = [...this.#keys.books(organisation, level, id), ...(level === 'claw' ? [queue, leases] : [])];
    const keepMs = 4 * (this.#options.sendWithinMs + this.#options.entryMs);
    const [tokens, requests, waiting] = (await this.#run('window', keys, [keepMs])) as number[];
    return { requests: requests ?? 0, tokens: tokens ?? 0, waiting: waiting ?? 0 };
  }

  /** Resolves when Redis answers a limiter that can use it. Error: `limiter_unavailable`. */
  async ping(): Promise<void> {
    try {
      await this.#connection.use().ping();
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Waiting calls get `limiter_unavailable`; permits that were given stay charged in Redis. */
  async close(): Promise<void> {
    this.#closing.abort(new CodedError('limiter_unavailable', { reason: 'the orchestrator is stopping' }));
    this.#connection.close();
  }

  /** One try. What is not a decision for good comes back as an answer to wait upon. */
  async #ask(request: PermitRequest, leaseMs: number): Promise<PermitAnswer> {
    try {
      for (let mended = 0; mended < 3; mended += 1) {
        if (!this.#opening.isMarked(request.organisation)) await this.#mark(request.organisation);
        const answer = readAnswer(await this.#askScript(request, leaseMs), request.levels);
        if (answer.kind === 'unmarked') this.#opening.lost();
        else if (answer.kind === 'unfenced') await this.#fenceAgain(request);
        else return answer;
      }
      return { kind: 'away' };
    } catch (error) {
      if (error instanceof CodedError && error.code !== 'limiter_unavailable') throw error;
      const reason = error instanceof CodedError ? error.details?.reason : undefined;
      return { kind: 'away', ...(typeof reason === 'string' && { reason }) };
    }
  }

  #askScript(request: PermitRequest, leaseMs: number): Promise<unknown> {
    const { organisation, task, claw, levels } = request;
    const { sendWithinMs, entryMs, recordMs } = this.#options;
    const keys = [
      this.#keys.marker(organisation),
      this.#keys.fence(organisation, task),
      this.#keys.call(request),
      ...this.#keys.line(organisation, claw),
      ...levels.flatMap((level) => this.#keys.books(organisation, level.level, level.id)),
    ];
    const caps = levels.flatMap((level) => [level.requestsPerMinute ?? '', level.tokensPerMinute ?? '']);
    const call = [refName(request), request.fence, request.tokens, request.requests ?? 1];
    return this.#run('permit', keys, [
      ...call,
      leaseMs,
      sendWithinMs,
      entryMs,
      recordMs,
      this.#keys.channel,
      ...caps,
    ]);
  }

  async #mark(organisation: string): Promise<void> {
    await this.#run('mark', [this.#keys.marker(organisation)], [this.#opening.remainingMs()]);
    this.#opening.marked(organisation);
  }

  /** Redis does not know the fence: it is put back by who set it, and nobody else gets by. */
  async #fenceAgain({ organisation, task, fence }: PermitRequest): Promise<void> {
    if (this.#fences.get(this.#keys.fence(organisation, task)) !== fence)
      throw new CodedError('epoch_superseded');
    await this.fence(organisation, task, fence);
  }

  #pauseMs(answer: PermitAnswer): number {
    if (answer.kind === 'closed') return answer.retryAfterMs;
    if (answer.kind !== 'wait') return RETRY_MS;
    // Only the head has a time of its own; the others are called when they have become the head.
    return answer.isHead && answer.denial.limit !== 'queue'
      ? Math.min(this.#options.renewMs, answer.denial.retryAfterMs)
      : this.#options.renewMs;
  }

  async #book(
    script: ScriptName,
    call: CallRef,
    args: () => (string | number)[],
  ): Promise<{ overrunTokens: number }> {
    const key = this.#keys.call(call);
    const giveUpAt = performance.now() + this.#options.sendWithinMs + this.#options.entryMs;
    const pause = this.#waiters.add(key);
    try {
      while (!this.#closing.signal.aborted && performance.now() < giveUpAt) {
        pause.forgetNews();
        try {
          const [, overrun] = (await this.#run(script, [key], args())) as [string, number | undefined];
          return { overrunTokens: overrun ?? 0 };
        } catch {
          await pause.wait(RETRY_MS, this.#closing.signal);
        }
      }
      return { overrunTokens: 0 };
    } finally {
      this.#waiters.remove(key, pause);
    }
  }

  async #withdraw(request: PermitRequest): Promise<void> {
    try {
      const [queue, leases] = this.#keys.line(request.organisation, request.claw);
      await this.#run('withdraw', [queue, leases], [refName(request), this.#keys.channel]);
    } catch {
      // Unheard, the place in the queue runs out by its lease.
    }
  }

  /** Error: `limiter_unavailable`, whatever kept Redis from answering. */
  async #run(
    script: ScriptName,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const redis = this.#connection.use();
    try {
      return await this.#scripts.run(redis, script, keys, args);
    } catch (error) {
      this.#onError(error as Error);
      throw unavailable(error);
    }
  }
}

function refusal(answer: Exclude<PermitAnswer, { kind: 'granted' }>): CodedError {
  if (answer.kind === 'wait') return new CodedError('limit_exceeded', { ...answer.denial });
  if (answer.kind === 'closed') {
    const reason =
      'closed after a loss of Redis, until every call that it may have forgotten counts no longer';
    return new CodedError('limiter_unavailable', { reason, retryAfterMs: answer.retryAfterMs });
  }
  return answer.kind === 'away' && answer.reason !== undefined
    ? new CodedError('limiter_unavailable', { reason: answer.reason })
    : new CodedError('limiter_unavailable');
}

function unavailable(cause: unknown): CodedError {
  const reason = troubleOf(cause);
  return new CodedError('limiter_unavailable', reason === undefined ? undefined : { reason }, { cause });
}

function checkAmounts({ tokens, requests = 1, levels, epoch, fence, deadlineMs }: PermitRequest): void {
  const whole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= LARGEST_CAP;
  const wrong = Object.entries({ tokens, requests, epoch }).find(([, value]) => !whole(value))?.[0];
  if (wrong !== undefined) throw new CodedError('request_invalid', { field: wrong });
  if (!Number.isSafeInteger(fence) || fence < 0) throw new CodedError('request_invalid', { field: 'fence' });
  if (levels.length === 0) throw new CodedError('request_invalid', { field: 'levels' });
  if (Number.isNaN(deadlineMs)) throw new CodedError('request_invalid', { field: 'deadlineMs' });
}

const wholeTokens = (tokens: number): number => Math.min(LARGEST_CAP, Math.max(0, Math.ceil(tokens)));
