import type { Redis } from 'ioredis';
import { CodedError } from '#errors/coded-error.ts';
import { troubleOf } from '../redis/trouble.ts';
import { readIdentity } from './redis-identity.ts';

export interface ConnectionOptions {
  /** How long one command may take before it counts as unanswered. */
  readonly commandMs: number;
  /** How often Redis is asked who it is and what its clock says. */
  readonly watchMs: number;
  readonly onError: (error: Error) => void;
  /** The books that answer are others, or have been lost and begun anew, since the last time that we looked. */
  readonly onIdentity: (identity: string, before: string | undefined) => void;
  /** Redis' clock, read between two moments of `performance.now()`. */
  readonly onTime: (redisMs: number, askedAt: number, answeredAt: number) => void;
  /** Redis' clock in milliseconds, as the scripts read it. */
  readonly readTime: (redis: Redis) => Promise<number>;
  readonly onReady: () => void;
  /** It was looked at and answers: after `onReady`, and again every `watchMs`. */
  readonly onSeen: () => void;
  /** Someone left, settled or was sent: the call of this name may try again. */
  readonly onRoom: (ref: string) => void;
  readonly channel: string;
  /** The key that names these books: see readIdentity. */
  readonly books: string;
}

/**
 * The limiter's own connections. Nothing is queued while Redis is away and nothing is sent again by itself: a command
 * reaches only a Redis that was looked at on this very connection, is no replica and has room, and is looked at again every `watchMs`.
 */
export class LimiterConnection {
  readonly #redis: Redis;
  readonly #news: Redis;
  readonly #options: ConnectionOptions;
  #identity: string | undefined;
  #isReady = false;
  #trouble: string | undefined;
  #watch: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(redis: Redis, options: ConnectionOptions) {
    this.#options = options;
    const retryStrategy = (times: number): number => Math.min(times * 50, 1000);
    this.#redis = redis.duplicate({
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: options.commandMs,
      lazyConnect: false,
      retryStrategy,
    });
    this.#news = redis.duplicate({ maxRetriesPerRequest: null, lazyConnect: false, retryStrategy });
    this.#redis.on('error', (error: Error) => this.#failed(error));
    this.#redis.on('ready', () => void this.#look(true));
    this.#redis.on('close', () => this.#lost());
    this.#news.on('error', () => undefined);
    this.#news.on('message', (_channel: string, ref: string) => options.onRoom(ref));
    this.#news.subscribe(options.channel).catch(options.onError);
  }

  /** The connection, if Redis answers now. Error: `limiter_unavailable` {reason}. */
  use(): Redis {
    if (!this.#isReady) throw new CodedError('limiter_unavailable', { reason: this.#reason });
    return this.#redis;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Looks whether the books are still those that they were: to be done before anything is begun in them. Error: `limiter_unavailable` {reason}. */
  async confirm(): Promise<void> {
    try {
      await this.#see(this.use());
    } catch (error) {
      if (error instanceof CodedError) throw error;
      throw new CodedError('limiter_unavailable', { reason: this.#failed(error as Error) }, { cause: error });
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#watch);
    this.#redis.disconnect();
    this.#news.disconnect();
  }

  get #reason(): string {
    // Connected and not ready: the client waits for the end of its loading.
    if (this.#redis.status === 'connect') return 'Redis is reading its log';
    return this.#trouble ?? 'Redis cannot be reached';
  }

  /** What is the matter, in words. */
  #failed(error: Error): string {
    this.#trouble = troubleOf(error) ?? 'Redis cannot be reached';
    if (!this.#closed) this.#options.onError(error);
    return this.#trouble;
  }

  #lost(): void {
    this.#isReady = false;
    clearTimeout(this.#watch);
  }

  async #look(isFirst: boolean): Promise<void> {
    try {
      await this.#see(this.#redis);
      if (!this.#isReady) {
        this.#isReady = true;
        this.#trouble = undefined;
        this.#options.onReady();
      }
      this.#options.onSeen();
    } catch (error) {
      if (this.#closed) return;
      this.#failed(error as Error);
      if (!isUnfit(error)) return this.#wait(isFirst);
      this.#isReady = false;
    }
    this.#again();
  }

  /** One that says nothing sensible at first is dialled anew; later on, the connection itself tells when it is over. */
  #wait(isFirst: boolean): void {
    if (isFirst) this.#redis.disconnect(true);
    else this.#again();
  }

  #again(): void {
    clearTimeout(this.#watch);
    if (this.#closed || this.#redis.status !== 'ready') return;
    this.#watch = setTimeout(() => void this.#look(false), this.#options.watchMs);
    this.#watch.unref();
  }

  async #see(redis: Redis): Promise<void> {
    const identity = await readIdentity(redis, this.#options.books);
    if (identity !== this.#identity) {
      const before = this.#identity;
      this.#identity = identity;
      this.#options.onIdentity(identity, before);
    }
    const askedAt = performance.now();
    const redisMs = await this.#options.readTime(redis);
    this.#options.onTime(redisMs, askedAt, performance.now());
  }
}

/** It answers, and is none that books can be kept in: until it has become one. */
const isUnfit = (error: unknown): boolean =>
  error instanceof Error && /^(READONLY|EVICTS|OOM)/.test(error.message);
