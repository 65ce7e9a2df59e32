import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { CodedError } from '#errors/coded-error.ts';
import type { Log } from '../log.ts';
import type { RedisPlace } from './redis-place.ts';
import { loggedBytes, setAsideUnreadable } from './set-aside.ts';

export interface ChildOptions {
  readonly place: RedisPlace;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly binary?: string;
  /** How long a start may take; reading a large log takes time. */
  readonly startMs?: number;
  readonly onLost?: () => void;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;
const STOP_MS = 8_000;

/**
 * Our own redis-server, kept alive. It is a process of its own: the orchestrator may be killed and the next one finds it still
 * answering on its socket and adopts it. Only `close` ends it.
 */
export class RedisChild {
  readonly #options: ChildOptions;
  readonly #closing = new AbortController();
  #watch: Socket | undefined;
  #pid: number | undefined;
  #keeping: Promise<void> | undefined;
  #lost = false;

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  /** What it had on the disk could not be read, and was set aside. */
  get lostBooks(): boolean {
    return this.#lost;
  }

  /** Adopts the one that answers, or starts one. Error: `redis_unavailable` {reason}. */
  async start(): Promise<void> {
    const running = await this.#pidOfRunning();
    if (running === undefined) await this.#spawnReadable();
    this.#pid = running ?? (await this.#pidOfRunning());
    this.#options.log.info({ pid: this.#pid, adopted: running !== undefined }, 'redis answers');
    this.#watchOver();
  }

  /** SIGTERM, on which Redis writes its log to the disk and exits. */
  async close(): Promise<void> {
    // Once: by now the socket may be another orchestrator's.
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.#keeping?.catch(() => undefined);
    const pid = await this.#pidOfRunning();
    if (pid !== undefined) {
      const gone = this.#watch && once(this.#watch, 'close', { signal: AbortSignal.timeout(STOP_MS) });
      process.kill(pid, 'SIGTERM');
      // The kernel closes its side of the idle connection when the process has ended, and not before.
      await gone?.catch(() => this.#options.log.warn({ pid }, 'redis did not end in time'));
    }
    this.#watch?.destroy();
  }

  /** An idle connection ends in the moment in which the server does, whoever's child it is. */
  #watchOver(): void {
    const watch = connect(this.#options.place.socket);
    this.#watch = watch;
    watch.on('error', () => undefined);
    // A socket that nobody reads does not notice its end.
    watch.resume();
    watch.on('close', () => {
      if (this.#closing.signal.aborted) return;
      this.#options.log.warn({ pid: this.#pid }, 'redis is gone, starting it again');
      this.#options.onLost?.();
      this.#keeping = this.#startAgain();
    });
  }

  async #startAgain(): Promise<void> {
    for (
      let backoffMs = FIRST_BACKOFF_MS;
      !this.#closing.signal.aborted;
      backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS)
    ) {
      try {
        await delay(backoffMs, undefined, { signal: this.#closing.signal });
        return await this.start();
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.#options.log.warn({ reason: (error as Error).message }, 'redis does not start');
      }
    }
  }

  /** A log that cannot be read is set aside, once. */
  async #spawnReadable(): Promise<void> {
    const { place, log } = this.#options;
    const loggedBefore = await loggedBytes(place.folder);
    try {
      await this.#spawn();
    } catch (error) {
      const file = await setAsideUnreadable(place.folder, loggedBefore);
      if (file === undefined) throw error;
      log.warn({ file }, 'redis could not read its log: it was set aside, and redis begins empty');
      this.#lost = true;
      await this.#spawn();
    }
  }

  async #spawn(): Promise<void> {
    const { place, binary = 'redis-server', startMs = 30_000 } = this.#options;
    await rm(place.socket, { force: true });
    // Detached: Ctrl-C at the orchestrator's terminal and the orchestrator's own end do not reach it.
    const child = spawn(binary, serverArguments(place), {
      cwd: place.folder,
      detached: true,
      stdio: 'ignore',
    });
    child.unref();
    let ended: CodedError | undefined;
    child.once(
      'error',
      () =>
        (ended = unavailable(`${binary} cannot be run: install it (make setup), or set CLAWCAGE_REDIS_URL`)),
    );
    child.once(
      'exit',
      (code) =>
        (ended = unavailable(
          `redis-server ended with ${code ?? 'a signal'}: ${place.folder}/redis.log says why`,
        )),
    );
    const giveUpAt = performance.now() + startMs;
    while ((await this.#pidOfRunning()) === undefined) {
      if (ended) throw ended;
      if (performance.now() > giveUpAt) {
        child.kill('SIGKILL');
        throw unavailable('redis-server does not answer in time');
      }
      await delay(20);
    }
  }

  /** The process that answers on our socket and is done loading; undefined where none does. */
  async #pidOfRunning(): Promise<number | undefined> {
    const probe = new Redis(this.#options.place.socket, {
      lazyConnect: true,
      retryStrategy: () => null,
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      commandTimeout: 2_000,
    });
    probe.on('error', () => undefined);
    try {
      await probe.ping();
      return Number(/process_id:(\d+)/.exec(await probe.info('server'))?.[1]);
    } catch {
      return undefined;
    } finally {
      probe.disconnect();
    }
  }
}

/** No port at all: only who may enter the folder reaches it. What is acknowledged is on the disk a second later. */
function serverArguments({ folder, socket }: RedisPlace): string[] {
  const options = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: folder,
    pidfile: join(folder, 'redis.pid'),
    logfile: join(folder, 'redis.log'),
    daemonize: 'no',
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
  };
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
}

const unavailable = (reason: string): CodedError => new CodedError('redis_unavailable', { reason });
