import type { Redis } from 'ioredis';
import { CodedError } from '#errors/coded-error.ts';

export interface ConnectionOptions {
  /** How long one command may take before it counts as unanswered. */
  readonly commandMs: number;
  readonly onError: (error: Error) => void;
  /** The Redis that answers is another, or has started anew, since the last time that we looked. */
  readonly onRunId: (runId: string, before: string | undefined) => void;
  readonly onReady: () => void;
  /** Someone left, settled or was sent: the call of this name may try again. */
  readonly onRoom: (ref: string) => void;
  readonly channel: string;
}

/**
 * The limiter's own connections. Nothing is queued while Redis is away and nothing is sent again by itself: a command
 * reaches only a Redis whose run id has been looked at on this very connection.
 */
export class LimiterConnection {
  readonly #redis: Redis;
  readonly #news: Redis;
  readonly #options: ConnectionOptions;
  #runId: string | undefined;
  #isReady = false;
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
    this.#redis.on('error', options.onError);
    this.#redis.on('ready', () => void this.#look());
    this.#redis.on('close', () => (this.#isReady = false));
    this.#news.on('error', () => undefined);
    this.#news.on('message', (_channel: string, ref: string) => options.onRoom(ref));
    this.#news.subscribe(options.channel).catch(options.onError);
  }

  get runId(): string | undefined {
    return this.#runId;
  }

  /** The connection, if Redis answers now. Error: `limiter_unavailable`. */
  use(): Redis {
    if (!this.#isReady) throw new CodedError('limiter_unavailable');
    return this.#redis;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  close(): void {
    this.#closed = true;
    this.#redis.disconnect();
    this.#news.disconnect();
  }

  async #look(): Promise<void> {
    try {
      const runId = /run_id:(\w+)/.exec(await this.#redis.info('server'))?.[1];
      if (runId === undefined) throw new Error('Redis does not tell its run id');
      if (runId !== this.#runId) this.#options.onRunId(runId, this.#runId);
      this.#runId = runId;
      this.#isReady = true;
      this.#options.onReady();
    } catch (error) {
      if (this.#closed) return;
      this.#options.onError(error as Error);
      this.#redis.disconnect(true);
    }
  }
}
