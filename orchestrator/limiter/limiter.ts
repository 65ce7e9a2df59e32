import type { Redis } from 'ioredis';
import { CodedError } from '#errors/coded-error.ts';
import { LONGEST_LIFE_MS } from '#limits/window.ts';
import { waitingFor, type PermitAnswer } from './answers.ts';
import { Asker } from './asker.ts';
import { checkAmounts, wholeTokens } from './check-amounts.ts';
import { LimiterConnection } from './connection.ts';
import { Fences } from './fences.ts';
import { Keys, refName } from './keys.ts';
import { DEFAULTS, type LimiterOptions, type Settled } from './limiter-options.ts';
import type { LimitsState } from './limits-state.ts';
import type { CallRef, Grant, Level, PermitRequest, Standing } from './permit-request.ts';
import { capsOf } from './caps-of-standing.ts';
import { refusalOf } from './refusal-of.ts';
import { Runner, unavailable } from './runner.ts';
import { Scripts } from './scripts.ts';
import { readStandingReply } from './standing-reply.ts';
import { Trust } from './trust.ts';
import { type Wakeable, Waiters } from './wakeable.ts';
import { Words } from './words.ts';

/** How soon a call is tried again when Redis, or the database, fails to answer. */
const RETRY_MS = 500;
/** How soon a call that is next, and one of a paused Claw, sees that something else is in force. Asks nobody but `standing()`. */
const LOOK_MS = { next: 500, paused: 250 } as const;
/** However long a provider says, or a cage says that it did: after it one call finds out. */
const LONGEST_CLOSED_MS = 3_600_000;

/**
 * The right to make provider calls, decided in Redis for any number of orchestrators at once. DESIGN section 7.
 * Where the state is unknown nothing is permitted; nothing here rejects unless somebody awaits it.
 */
export class Limiter {
  readonly #options: Settled;
  readonly #onError: (error: Error) => void;
  readonly #keys: Keys;
  readonly #connection: LimiterConnection;
  readonly #trust: Trust;
  readonly #runner: Runner;
  readonly #words: Words;
  readonly #fences: Fences;
  readonly #asker: Asker;
  readonly #waiters = new Waiters();
  readonly #closing = new AbortController();

  /** `redis` is only the pattern for connections of its own; it stays the caller's. */
  constructor(redis: Redis, options: LimiterOptions = {}) {
    this.#options = { ...DEFAULTS, ...options };
    this.#onError = options.onError ?? (() => undefined);
    this.#keys = new Keys(`clawcage:${this.#options.install}`);
    const scripts = new Scripts(options.clock);
    this.#trust = new Trust({
      closeMs: options.holdMs ?? LONGEST_LIFE_MS,
      lastIdentity: options.lastRunId,
      believesClock: options.believesClock ?? options.clock !== undefined,
      now: () => performance.now(),
      write: options.onRunId ?? (() => undefined),
    });
    this.#connection = new LimiterConnection(redis, {
      commandMs: this.#options.commandMs,
      watchMs: this.#options.watchMs,
      channel: this.#keys.channel,
      books: this.#keys.books,
      onError: this.#onError,
      onRoom: (ref) => this.#waiters.wake(ref),
      onReady: () => this.#waiters.wakeAll(),
      onSeen: () => void this.#words.tellUnheard(),
      readTime: async (client) => {
        if (options.clock !== undefined) return Number(await scripts.run(client, 'time', [], []));
        const [seconds, microseconds] = await client.time();
        return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
      },
      onTime: (redisMs, askedAt, answeredAt) => this.#trust.timeTold(redisMs, askedAt, answeredAt),
      onIdentity: (identity, before) => {
        this.#trust.identified(identity, before);
        this.#words.tellAgain();
      },
    });
    const [connection, keys, trust] = [this.#connection, this.#keys, this.#trust];
    this.#runner = new Runner({ connection, scripts, onError: this.#onError });
    this.#words = new Words(this.#runner);
    this.#fences = new Fences({
      keys,
      runner: this.#runner,
      words: this.#words,
      lifeMs: this.#options.recordMs,
    });
    this.#asker = new Asker({
      options: this.#options,
      keys,
      connection,
      trust,
      runner: this.#runner,
      fences: this.#fences,
    });
  }

  /** Redis answers, and its books can be read. */
  get isReady(): boolean {
    return this.#connection.isReady;
  }

  /**
   * Waits in order for the right to make one call and takes it: in all levels or in none. Asked again under the same
   * name it answers the same. Errors: `limit_exceeded` {level, limit, retryAfterMs} at the deadline, `limit_never_fits`
   * {level, limit}, `epoch_superseded` {takenOver: of the same attempt, by another controller}, `request_invalid`, at the deadline also `limiter_unavailable` and `store_unavailable`
   * (what is in force cannot be read); the signal's reason when aborted. A permit that was granted while the caller aborted
   * stays charged, as nobody can know who was told: settle it with 0 where the meter says that it dropped the call.
   */
  async permit(request: PermitRequest, signal?: AbortSignal): Promise<Grant> {
    checkAmounts(request);
    const ref = refName(request);
    const either = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
    const waiter = this.#waiters.add(ref);
    const startedAt = performance.now();
    const waitedMs = (): number => performance.now() - startedAt;
    let told: string | undefined;
    try {
      for (;;) {
        either.throwIfAborted();
        const leftMs = request.deadlineMs - waitedMs();
        waiter.forgetNews();
        const { answer, standing, askedAt = startedAt } = await this.#asker.ask(request, leftMs);
        if (answer.kind === 'granted') {
          either.throwIfAborted();
          const { sendWithinMs, levels } = answer;
          return { granted: true, sendWithinMs, waitedMs: Math.round(waitedMs()), sinceMs: askedAt, levels };
        }
        if (leftMs <= 0 || (answer.kind === 'wait' && answer.place < 0)) throw refusalOf(answer);
        const reason = waitingFor(answer);
        if (reason !== undefined && reason !== told) request.onWaiting?.(reason);
        told = reason;
        await this.#untilNews(
          request,
          answer,
          standing,
          Math.min(leftMs, this.#pauseMs(answer)),
          waiter,
          either,
        );
      }
    } finally {
      this.#waiters.remove(ref, waiter);
      if (either.aborted) void this.#withdraw(request);
    }
  }

  /**
   * More time for a call that was permitted, is not all sent and counts yet: its permit ends `sendWithinMs` after `sinceMs`. It takes no room that it did not have. Undefined
   * where it gets none. Error: `limiter_unavailable`.
   */
  extend = (call: CallRef): Promise<{ sendWithinMs: number; sinceMs: number } | undefined> =>
    this.#asker.extend(call);

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
      this.#trust.argument(),
    ]);
  }

  /**
   * The call is over and took so many tokens (left out: its whole reservation) and requests (left out: as permitted; 0 if it
   * was never sent). Counts once however often it comes. `overrunTokens` is what it took above its reservation. Tries
   * until Redis has it or has forgotten the call; never rejects.
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
  fence = (organisation: string, task: string, fence: number): Promise<void> =>
    this.#fences.set(organisation, task, fence);

  /**
   * As `fence`, for a cage that must not wait for Redis: where that is away the fence is remembered and told when it is back. No permit is given under it before. Error:
   * `epoch_superseded` where a newer one is known.
   */
  takeOver = (organisation: string, task: string, fence: number): Promise<void> =>
    this.#fences.takeOver(organisation, task, fence);

  /** Of a fence that this process set: nobody asks under it here any more, and it is not put back where Redis loses it. */
  letGo = ({ organisation, task, fence }: Pick<PermitRequest, 'organisation' | 'task' | 'fence'>): void =>
    this.#fences.letGo(organisation, task, fence);

  /** The attempts of the task before this fence are over: none of them gets a permit any more, and none of their calls is under way. Never rejects. */
  endAttempts = (organisation: string, task: string, fence: number): Promise<void> =>
    this.#fences.pass(organisation, task, fence);

  /** The task is over: none of its attempts gets a permit any more, and none of its calls is under way. Never rejects. */
  forget = (organisation: string, task: string): Promise<void> => this.#fences.forget(organisation, task);

  /** What a level counts at this moment, and how many calls of a Claw wait. Error: `limiter_unavailable`. */
  async window(
    organisation: string,
    level: Level['level'],
    id: string,
  ): Promise<{ requests: number; tokens: number; waiting: number }> {
    const keepMs = 4 * (this.#options.sendWithinMs + this.#options.entryMs);
    const keys = [this.#keys.level(organisation, level, id)];
    const [tokens, requests, waiting] = (await this.#runner.run('window', keys, [keepMs])) as number[];
    return { requests: requests ?? 0, tokens: tokens ?? 0, waiting: waiting ?? 0 };
  }

  /**
   * Where a Claw stands among the limits that are in force for it (readStanding). Errors: `limiter_unavailable`,
   * `request_invalid`.
   */
  async standing(organisation: string, claw: string, standing: Standing): Promise<LimitsState> {
    const keepMs = 4 * (this.#options.sendWithinMs + this.#options.entryMs);
    const keys = [
      this.#keys.level(organisation, 'claw', claw),
      ...standing.levels.map(({ level, id }) => this.#keys.level(organisation, level, id)),
    ];
    const args = [keepMs, standing.callsAtOnce ?? '', ...capsOf(standing)];
    return readStandingReply(await this.#runner.run('standing', keys, args), standing);
  }

  /**
   * The provider said that calls with this key have to wait for so long (an hour at most): until then none gets a permit. The newest word stands;
   * within a second of another only the longer. What it said to `call` counts once, and not after that was settled: told again later it would close a key that is open by then.
   * Never rejects: unheard, the provider says it again.
   */
  async closeKey(organisation: string, key: string, ms: number, call?: CallRef): Promise<void> {
    const closedMs = Math.min(LONGEST_CLOSED_MS, Math.max(0, Math.ceil(ms)));
    try {
      const keys = [this.#keys.level(organisation, 'key', key), ...(call ? [this.#keys.call(call)] : [])];
      await this.#runner.run('close', keys, [closedMs, this.#keys.channel]);
    } catch (error) {
      this.#onError(error as Error);
    }
  }

  /**
   * The books answer and can be trusted: after an orderly stop of their Redis there is nothing to be waited for. False where they were not seen yet, or are away: they may have
   * lost what nobody knows of.
   */
  get isOpen(): boolean {
    return this.isReady && this.#trust.opening.remainingMs() === 0;
  }

  /** Why nothing is permitted although Redis answers, and where that is known for how long yet; undefined where it is open. */
  get closedReason(): string | undefined {
    return this.#trust.reason();
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
    this.#trust.stop();
  }

  /** Until the call is worth asking for again: its moment has come, it was called, or something else is in force. */
  async #untilNews(
    { standing }: PermitRequest,
    answer: PermitAnswer,
    asked: Standing | undefined,
    pauseMs: number,
    waiter: Wakeable,
    signal: AbortSignal,
  ): Promise<void> {
    const isNext = answer.kind === 'wait' && answer.place === 0;
    const lookMs = answer.kind === 'paused' ? LOOK_MS.paused : isNext ? LOOK_MS.next : pauseMs;
    const until = performance.now() + pauseMs;
    for (;;) {
      const leftMs = until - performance.now();
      await waiter.wait(Math.max(1, Math.min(leftMs, lookMs)), signal);
      if (waiter.hasNews || signal.aborted || performance.now() >= until) return;
      // Unknown for the moment is no news: the call keeps its place, and asks again when it is to be renewed.
      const now = await standing().catch(() => asked);
      if (JSON.stringify(now) !== JSON.stringify(asked)) return;
    }
  }

  #pauseMs(answer: PermitAnswer): number {
    if (answer.kind === 'closed') return answer.retryAfterMs;
    if (answer.kind === 'away' || answer.kind === 'unread') return RETRY_MS;
    if (answer.kind !== 'wait') return this.#options.renewMs;
    // Where it holds others up its lease is shorter: see line.lua.
    const holdsOthersUp = answer.place === 0 && answer.denial.level !== 'claw';
    const renewMs = this.#options.renewMs / (holdsOthersUp ? 2 : 1);
    return Math.min(renewMs, answer.lookAgainMs ?? renewMs);
  }

  async #book(
    script: 'sent' | 'settle',
    call: CallRef,
    args: () => (string | number)[],
  ): Promise<{ overrunTokens: number }> {
    const key = this.#keys.call(call);
    // A call is under way until it is settled, also where it counts no longer.
    const { sendWithinMs, entryMs, recordMs } = this.#options;
    const giveUpAt = performance.now() + (script === 'settle' ? recordMs : sendWithinMs + entryMs);
    const pause = this.#waiters.add(key);
    try {
      while (!this.#closing.signal.aborted && performance.now() < giveUpAt) {
        pause.forgetNews();
        try {
          const said = args();
          const [, overrun] = (await this.#runner.run(script, [key], said)) as [string, number | undefined];
          if (script === 'settle') this.#words.told(key, { script, args: said });
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
      const line = this.#keys.level(request.organisation, 'claw', request.claw);
      await this.#runner.run('withdraw', [line], [refName(request), this.#keys.channel]);
    } catch {
      // Unheard, the place in the queue runs out by its lease.
    }
  }
}
