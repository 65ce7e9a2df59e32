import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

export interface TaskRef {
  readonly organisation: string;
  readonly task: string;
}

/** An event that comes again after a crash is known by its field: alone, or with a number that grows. */
export interface Once {
  readonly field: string;
  readonly number?: number;
}

export interface SealedEntry {
  readonly id: number;
  readonly sealed: Buffer;
}

export interface NewEntry extends SealedEntry {
  readonly once?: Once | undefined;
  /** The last of the task. */
  readonly over: boolean;
}

export interface Kept {
  readonly wrapped: Buffer;
  readonly lastId: number;
  readonly entries: readonly SealedEntry[];
}

export interface Appended {
  readonly what: 'ok' | 'gone' | 'ended' | 'fenced' | 'behind' | 'repeated';
  readonly count: number;
}

/** Where the events of tasks lie for all orchestrators, sealed; see RedisStreamLog. Everything but `isReady` rejects while it is away. */
export interface StreamLog {
  readonly isReady: boolean;
  /** What is kept from `from` on, and the time there in microseconds, ahead of which no id ever is; `kept` undefined where there is no stream. */
  read(of: TaskRef, from: number): Promise<{ kept: Kept | undefined; nowUs: number }>;
  /** Makes the stream, behind `lastId` or the present time; answers what stands, also where another was first. */
  open(of: TaskRef, wrapped: Buffer, lastId: number | undefined): Promise<Omit<Kept, 'entries'>>;
  /** All or the first few of them; of a writer that is not the newest none. */
  append(of: TaskRef, fence: number, lastId: number, entries: readonly NewEntry[]): Promise<Appended>;
  /** Tells the others that the task's row says more than its stream. */
  ring(of: TaskRef): Promise<void>;
  /** Hears when something was written: its id, or 0 where the row is to be looked at. Resolves when nothing can be missed any more. */
  hear(of: TaskRef): Promise<void>;
  hush(of: TaskRef): void;
  listen(on: { heard: (task: string, id: number) => void; ready: () => void }): void;
  close(): void;
}

export interface RedisLogOptions {
  readonly install: string;
  readonly limitBytes?: number;
  readonly idleMs?: number;
  readonly keepEndedMs?: number;
  /** How long one command may take before Redis counts as away. */
  readonly commandMs?: number;
}

const ENTRY_LIMIT_BYTES = 2 * 1024 * 1024;
const IDLE_MS = 24 * 3600_000;
const ENDED_MS = 60_000;
const COMMAND_MS = 1000;
const SCRIPTS = { open: script('open'), read: script('read'), append: script('append') };

/**
 * A Redis stream a task, with a state beside it: the wrapped key, the newest writer's fence, the last id, and what came already. One script appends, in one round trip for
 * all that comes together. The organisation stands in braces, the hash tag of Redis Cluster.
 */
export class RedisStreamLog implements StreamLog {
  readonly #redis: Redis;
  readonly #bells: Redis;
  readonly #options: Required<RedisLogOptions>;
  readonly #heard = new Map<string, TaskRef>();
  #ready: () => void = () => undefined;

  constructor(redis: Redis, options: RedisLogOptions) {
    this.#options = {
      limitBytes: ENTRY_LIMIT_BYTES,
      idleMs: IDLE_MS,
      keepEndedMs: ENDED_MS,
      commandMs: COMMAND_MS,
      ...options,
    };
    const retryStrategy = (times: number): number => Math.min(times * 50, 1000);
    // Nothing waits for Redis and nothing is sent again by itself: the hub knows what was not written.
    const alone = { enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect: false, retryStrategy };
    this.#redis = redis.duplicate({
      ...alone,
      autoResendUnfulfilledCommands: false,
      commandTimeout: this.#options.commandMs,
    });
    this.#bells = redis.duplicate({ ...alone, commandTimeout: this.#options.commandMs });
    for (const client of [this.#redis, this.#bells]) {
      client.on('error', () => undefined);
      // ioredis subscribes again by itself; what was missed meanwhile is read.
      client.on('ready', () => this.isReady && this.#ready());
    }
  }

  get isReady(): boolean {
    return this.#redis.status === 'ready' && this.#bells.status === 'ready';
  }

  /** Resolves when it answers, or after a while all the same: who begins to write before that writes under ids of its own. */
  async whenReady(limitMs = COMMAND_MS * 2): Promise<void> {
    const signal = AbortSignal.timeout(limitMs);
    const clients = [this.#redis, this.#bells].filter(({ status }) => status !== 'ready');
    await Promise.all(clients.map((client) => once(client, 'ready', { signal }))).catch(() => undefined);
  }

  async read(of: TaskRef, from: number): Promise<{ kept: Kept | undefined; nowUs: number }> {
    const [wrapped, lastId, nowUs, entries] = (await this.#run('read', this.#keys(of), [from])) as [
      Buffer | null,
      Buffer | null,
      Buffer,
      [Buffer, [Buffer, Buffer]][],
    ];
    if (wrapped === null || lastId === null) return { kept: undefined, nowUs: Number(nowUs) };
    const sealed = entries.map(([id, [, bytes]]) => ({ id: Number.parseInt(String(id), 10), sealed: bytes }));
    return { kept: { wrapped, lastId: Number(lastId), entries: sealed }, nowUs: Number(nowUs) };
  }

  async open(of: TaskRef, wrapped: Buffer, lastId: number | undefined): Promise<Omit<Kept, 'entries'>> {
    const [state] = this.#keys(of);
    const args = [wrapped, lastId ?? '', this.#options.idleMs];
    const [stands, last] = (await this.#run('open', [state!], args)) as [Buffer, Buffer];
    return { wrapped: stands, lastId: Number(last) };
  }

  async append(of: TaskRef, fence: number, lastId: number, entries: readonly NewEntry[]): Promise<Appended> {
    const { limitBytes, idleMs, keepEndedMs } = this.#options;
    const each = entries.flatMap(({ id, sealed, once, over }) => [
      id,
      sealed,
      once?.field ?? '',
      once?.number ?? '',
      over ? 1 : 0,
    ]);
    const args = [fence, lastId, limitBytes, idleMs, keepEndedMs, this.#bell(of), ...each];
    const [what, count] = (await this.#run('append', this.#keys(of), args)) as [Buffer, number];
    return { what: String(what) as Appended['what'], count };
  }

  async ring(of: TaskRef): Promise<void> {
    await this.#redis.publish(this.#bell(of), '0');
  }

  async hear(of: TaskRef): Promise<void> {
    const bell = this.#bell(of);
    this.#heard.set(bell, of);
    await this.#bells.subscribe(bell);
  }

  hush(of: TaskRef): void {
    const bell = this.#bell(of);
    this.#heard.delete(bell);
    // While it is away: what is heard of it then is dropped.
    this.#bells.unsubscribe(bell).catch(() => undefined);
  }

  listen({ heard, ready }: { heard: (task: string, id: number) => void; ready: () => void }): void {
    this.#ready = ready;
    this.#bells.on('message', (bell: string, id: string) => {
      const of = this.#heard.get(bell);
      if (of) heard(of.task, Number(id));
    });
  }

  close(): void {
    this.#redis.disconnect();
    this.#bells.disconnect();
  }

  async #run(
    name: keyof typeof SCRIPTS,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ) {
    const { sha, text } = SCRIPTS[name];
    const rest = [keys.length, ...keys, ...args];
    try {
      return await this.#redis.callBuffer('EVALSHA', sha, ...rest);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await this.#redis.callBuffer('EVAL', text, ...rest);
    }
  }

  #keys(of: TaskRef): [state: string, stream: string] {
    const base = this.#base(of);
    return [`${base}:state`, base];
  }

  #bell(of: TaskRef): string {
    return `${this.#base(of)}:bell`;
  }

  #base({ organisation, task }: TaskRef): string {
    return `clawcage:${this.#options.install}:{${organisation}}:events:${task}`;
  }
}

function script(name: string): { readonly text: string; readonly sha: string } {
  const text = readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8');
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
