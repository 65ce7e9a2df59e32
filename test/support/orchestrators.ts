import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { removeInstall } from './docker.ts';
import { freePort } from './free-port.ts';
import { TestPostgres } from './postgres.ts';
import type { TestProvider } from './provider.ts';
import { TestRedis } from './redis.ts';
import { bridgedProvider, TestService } from './service.ts';

/** Short times, so that what waits for a lease waits for seconds. */
const SHORT = {
  CLAWCAGE_LEASE_MS: '1500',
  CLAWCAGE_RECONCILE_MS: '500',
  CLAWCAGE_LIMITER_HOLD_MS: '2000',
};

/**
 * Several real orchestrators as processes of their own, on one PostgreSQL, one Redis, one home and one installation of the engine, with one simulator as
 * provider. They are called by number, from 0. Disposing of it removes all that it made.
 */
export class TestOrchestrators implements AsyncDisposable {
  readonly home = mkdtempSync(join(tmpdir(), 'clawcage-orchestrators-'));
  readonly provider: TestProvider;
  readonly postgres: TestPostgres;
  readonly redis: TestRedis;
  readonly databaseUrl: string;
  readonly #env: Record<string, string>;
  readonly #members = new Map<number, TestService>();
  readonly #trees = new Map<number, string>();

  private constructor(
    parts: Pick<TestOrchestrators, 'provider' | 'postgres' | 'redis' | 'databaseUrl'>,
    env: Record<string, string>,
  ) {
    this.provider = parts.provider;
    this.postgres = parts.postgres;
    this.redis = parts.redis;
    this.databaseUrl = parts.databaseUrl;
    this.#env = {
      ...SHORT,
      CLAWCAGE_DATABASE_URL: parts.databaseUrl,
      CLAWCAGE_REDIS_URL: `redis://127.0.0.1:${parts.redis.port}`,
      ...env,
    };
  }

  /** With `count` of them up; `env` is that of all. */
  static async start(count = 3, env: Record<string, string> = {}): Promise<TestOrchestrators> {
    const [provider, postgres, redis] = await Promise.all([
      bridgedProvider(),
      TestPostgres.start(),
      freePort().then((port) => TestRedis.start({ durable: true, port })),
    ]);
    const databaseUrl = await postgres.newDatabase();
    const all = new TestOrchestrators({ provider, postgres, redis, databaseUrl }, env);
    try {
      // The first makes home, tables and gate, the others come to what is there.
      if (count > 0) await all.up(0);
      await Promise.all(Array.from({ length: Math.max(0, count - 1) }, (_, at) => all.up(at + 1)));
      return all;
    } catch (error) {
      await all[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** From its next start on it is the release of another checkout. */
  release(index: number, tree: string): void {
    this.#trees.set(index, tree);
    this.#members.delete(index);
  }

  /** Asks this very one: it has all that a TestService can be asked. */
  at(index: number): TestService {
    const member =
      this.#members.get(index) ??
      TestService.member(
        this.provider,
        this.home,
        { ...this.#env, CLAWCAGE_PORT: '0' },
        this.#trees.get(index),
      );
    this.#members.set(index, member);
    return member;
  }

  /** Those whose process is there, asleep or not. */
  get present(): TestService[] {
    return [...this.#members.values()].filter((member) => member.isUp);
  }

  /** Starts it, or starts it again; resolves when it is ready. */
  async up(index: number): Promise<TestService> {
    const member = this.at(index);
    if (!member.isUp) await member.up();
    return member;
  }

  /** SIGKILL. */
  async kill(index: number): Promise<void> {
    await this.at(index).down('SIGKILL');
  }

  /** SIGTERM; resolves when it is gone, with its exit code. */
  async down(index: number): Promise<number | null> {
    return this.at(index).down('SIGTERM');
  }

  /** SIGSTOP: it sleeps, with all its connections open, until `cont`. */
  stop(index: number): void {
    this.at(index).signal('SIGSTOP');
  }

  /** SIGCONT: it goes on as if no time had passed. */
  cont(index: number): void {
    this.at(index).signal('SIGCONT');
  }

  /** Straight to the database. */
  async rows<T>(text: string, values: readonly unknown[] = []): Promise<T[]> {
    return this.postgres.rows<T>(this.databaseUrl, text, values);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const install = this.#members.get(0)?.installIfMade;
    await Promise.all(this.present.map((member) => member.down('SIGKILL')));
    await this.provider.close();
    await this.redis.stop();
    await this.postgres[Symbol.asyncDispose]();
    if (install !== undefined) await removeInstall(new Docker(), install);
    rmSync(this.home, { recursive: true, force: true });
  }
}
