import { Redis, type RedisOptions } from 'ioredis';
import { CodedError } from '#errors/coded-error.ts';
import type { Log } from '../log.ts';
import { RedisChild } from './redis-child.ts';
import { makePlace } from './redis-place.ts';

/** Replies come in the form that ioredis has always given them. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

export interface RedisService {
  /** A new client, closed by `close`. Commands wait for the connection as long as it takes, which BullMQ wants so. */
  connect(options?: ClientOptions): Redis;
  /** For people and logs; a given URL without its password. */
  readonly url: string;
  /** Of our own child; undefined with a given URL. */
  readonly pid: number | undefined;
  /** Our own could not read its books at this start: what was permitted lately is not known. */
  readonly lostBooks: boolean;
  /** Closes the clients, and ends Redis where it is ours. */
  close(): Promise<void>;
}

export interface RedisServiceOptions {
  readonly home: string;
  /** An existing Redis, used as it is; without one our own runs under the home. */
  readonly url?: string;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly onLost?: () => void;
  /** How long a given Redis may take to its first answer. */
  readonly answerMs?: number;
  /** The program of our own; for tests of its absence. */
  readonly binary?: string;
}

/** Error: `redis_unavailable` {reason}. */
export async function startRedis(options: RedisServiceOptions): Promise<RedisService> {
  const clients = new Clients(options.log);
  if (options.url !== undefined) return await useGiven(options.url, options.answerMs ?? 10_000, clients);
  const place = await makePlace(options.home);
  const child = new RedisChild({ ...options, place });
  await child.start();
  return {
    connect: (more) => clients.add(new Redis(place.socket, { ...PATIENT, ...more })),
    url: `unix://${place.socket}`,
    get pid() {
      return child.pid;
    },
    lostBooks: child.lostBooks,
    async close() {
      clients.close();
      await child.close();
    },
  };
}

const PATIENT: ClientOptions = {
  maxRetriesPerRequest: null,
  retryStrategy: (times) => Math.min(times * 50, 1_000),
};

async function useGiven(url: string, answerMs: number, clients: Clients): Promise<RedisService> {
  const shown = withoutPassword(url);
  const first = clients.add(
    new Redis(url, { ...PATIENT, connectTimeout: answerMs, commandTimeout: answerMs }),
  );
  try {
    await first.ping();
  } catch (cause) {
    clients.close();
    throw new CodedError('redis_unavailable', { reason: `${shown} does not answer` }, { cause });
  }
  first.disconnect();
  return {
    connect: (more) => clients.add(new Redis(url, { ...PATIENT, ...more })),
    url: shown,
    pid: undefined,
    lostBooks: false,
    async close() {
      clients.close();
    },
  };
}

/** Every client has a listener for its errors: without one ioredis prints each lost connection. */
class Clients {
  readonly #clients: Redis[] = [];
  readonly #log: Pick<Log, 'warn'>;

  constructor(log: Pick<Log, 'warn'>) {
    this.#log = log;
  }

  add(client: Redis): Redis {
    let told = false;
    client.on('error', (error: Error) => {
      if (!told) this.#log.warn({ reason: error.message }, 'redis connection');
      told = true;
    });
    client.on('ready', () => (told = false));
    this.#clients.push(client);
    return client;
  }

  close(): void {
    for (const client of this.#clients) client.disconnect();
  }
}

function withoutPassword(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.toString();
}
