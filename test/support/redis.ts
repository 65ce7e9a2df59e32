import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { ClientOptions } from '../../orchestrator/redis/start-redis.ts';

/**
 * A real Redis of the test's own on a Unix socket in a temporary folder: nothing of it is shared with another test.
 * `kill` and `start` are for tests of its loss; with `durable` its books survive that, as far as its log was written.
 */
export class TestRedis {
  readonly folder = mkdtempSync(join(tmpdir(), 'clawcage-redis-'));
  readonly socket = join(this.folder, 'redis.sock');
  readonly #clients: Redis[] = [];
  readonly #durable: boolean;
  #child: ChildProcess | undefined;

  /** On loopback, where the test asked for one; else none. */
  readonly port: number;

  /** For a clock of its own: libfaketime. */
  readonly #env: Readonly<Record<string, string>>;

  private constructor(durable: boolean, port: number, env: Readonly<Record<string, string>>) {
    this.#durable = durable;
    this.port = port;
    this.#env = env;
  }

  static async start(
    options: { durable?: boolean; port?: number; env?: Readonly<Record<string, string>> } = {},
  ): Promise<TestRedis> {
    const redis = new TestRedis(options.durable ?? false, options.port ?? 0, options.env ?? {});
    await redis.start();
    return redis;
  }

  /** Resolves when it answers, its log read. `settings` are for this start alone. */
  async start(settings: readonly string[] = []): Promise<void> {
    const durability = this.#durable
      ? ['--appendonly', 'yes', '--appendfsync', 'always']
      : ['--appendonly', 'no'];
    const place = [
      '--bind',
      '127.0.0.1',
      '--port',
      String(this.port),
      '--unixsocket',
      this.socket,
      '--dir',
      this.folder,
      '--save',
      '',
    ];
    this.#child = spawn('redis-server', [...place, ...durability, ...settings], {
      stdio: 'ignore',
      env: { ...process.env, ...this.#env },
    });
    const probe = this.#client({ maxRetriesPerRequest: null, retryStrategy: () => 20 });
    await probe.ping();
    probe.disconnect();
  }

  /** A client that is closed with the server. */
  connect(options: ClientOptions = {}): Redis {
    const client = this.#client({ maxRetriesPerRequest: null, ...options });
    this.#clients.push(client);
    return client;
  }

  /** As by a power cut: SIGKILL, and it is gone when this resolves. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Answers nothing and closes nothing, until `resume`. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await this.#end('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  #client(options: ClientOptions): Redis {
    const client = new Redis(this.socket, options);
    // A client without a listener prints every refused connection, and refusing is what some tests are about.
    client.on('error', () => undefined);
    return client;
  }
}
