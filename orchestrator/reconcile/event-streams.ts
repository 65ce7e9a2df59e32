import type { Redis } from 'ioredis';
import type { EventStreams } from './reaper-sources.ts';

/** Keys that Redis looks at in one step. */
const STEP = 1000;
const MOST = 1000;
/** What goes by itself within that time is not left over. */
const SOON_MS = 10 * 60_000;

/** The streams of RedisStreamLog. Each goes by itself some time after its task; this is for those that were left without that order. */
export class RedisEventStreams implements EventStreams {
  readonly #redis: Pick<Redis, 'scan' | 'unlink' | 'pttl'>;
  readonly #prefix: string;
  readonly #bases = new Map<string, string>();

  /** `install` is followed by a colon in every key, so that another installation whose id only begins with it has no part in it. */
  constructor(redis: Pick<Redis, 'scan' | 'unlink' | 'pttl'>, install: string) {
    this.#redis = redis;
    this.#prefix = `clawcage:${install}:`;
  }

  async tasks(): Promise<string[]> {
    this.#bases.clear();
    let cursor = '0';
    do {
      const [next, keys] = await this.#redis.scan(cursor, 'MATCH', `${this.#prefix}*`, 'COUNT', STEP);
      for (const key of keys) this.#note(key);
      cursor = next;
    } while (cursor !== '0' && this.#bases.size < MOST);
    return this.#staying();
  }

  /** The state of a stream lives as long as the stream, and is there before its first event. */
  async #staying(): Promise<string[]> {
    const asked = [...this.#bases].map(async ([task, base]) => ({
      task,
      leftMs: await this.#redis.pttl(`${base}:state`),
    }));
    const lives = await Promise.all(asked);
    return lives.filter(({ leftMs }) => leftMs === -1 || leftMs > SOON_MS).map(({ task }) => task);
  }

  async forget(task: string): Promise<void> {
    const base = this.#bases.get(task);
    if (base !== undefined) await this.#redis.unlink(base, `${base}:state`);
  }

  #note(key: string): void {
    const [base, task] = /^(?:[^{]*)\{[^}]*\}:events:([a-z0-9_]+)/.exec(key) ?? [];
    if (base !== undefined && task !== undefined && key.startsWith(this.#prefix)) this.#bases.set(task, base);
  }
}
