import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/free-port.ts';
import { removeInstall } from '../../support/docker.ts';
import { TestPostgres } from '../../support/postgres.ts';
import { startTestProvider, type TestProvider } from '../../support/provider.ts';
import { TestRedis } from '../../support/redis.ts';
import { Caller } from '../load/caller.ts';
import { libfaketime, SteppedClock } from './clock.ts';
import { machineEngine, OwnEngine, type Engine } from './engine.ts';
import { History } from './history.ts';
import { Lives } from './lives.ts';
import { Orchestrator } from './orchestrator.ts';
import { RedisLogCopy } from './redis-log.ts';
import { SmallHome } from './small-home.ts';
import { Wire } from './wire.ts';

export interface WorldOptions {
  readonly orchestrators: number;
  /** A dockerd of its own, and a home on a disk of its own; needs root. */
  readonly own: boolean;
  readonly limiterHoldMs: number;
  readonly caps: { readonly requests: number; readonly tokens: number };
}

/**
 * The times of a run: short, so that what waits for them waits for seconds. Nothing waits for the end of orphans, which must not come while a slow machine starts
 * its orchestrators again.
 */
export const TIMES = {
  leaseMs: 2_000,
  pulseMs: 2_000,
  graceMs: 4_000,
  orphanMs: 120_000,
  reconcileMs: 500,
  resultMs: 10_000,
} as const;

const RETRY = { attempts: 20, backoffMs: 200, maxBackoffMs: 2_000 };
const CONCURRENCY = 6;
const UP_MS = 60_000;

/** Everything that a run breaks: processes, data and wires of its own. Disposing of it removes all that it made. */
export class World implements AsyncDisposable {
  readonly #parts = new AsyncDisposableStack();
  readonly options: WorldOptions;
  readonly folder = mkdtempSync(join(tmpdir(), 'clawcage-chaos-'));
  /** Orchestrators that ended by themselves. */
  readonly crashes: string[] = [];
  orchestrators: readonly Orchestrator[] = [];
  clocks: readonly SteppedClock[] = [];
  engine!: Engine;
  home!: SmallHome;
  redis!: TestRedis;
  redisLog!: RedisLogCopy;
  postgres!: TestPostgres;
  provider!: TestProvider;
  wire!: Wire;
  history!: History;
  lives!: Lives;

  private constructor(options: WorldOptions) {
    this.options = options;
  }

  static async start(options: WorldOptions): Promise<World> {
    const world = new World(options);
    try {
      await world.#start();
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  get install(): string {
    return readFileSync(join(this.home.path, 'install-id'), 'utf8').trim();
  }

  get token(): string {
    return readFileSync(join(this.home.path, 'admin-token'), 'utf8').trim();
  }

  get urls(): readonly string[] {
    return this.orchestrators.map(({ url }) => url);
  }

  get ownEngine(): OwnEngine | undefined {
    return this.engine instanceof OwnEngine ? this.engine : undefined;
  }

  /** Asks until it is answered, which must be with a 2xx, or with the word that an earlier try, given up too soon, did it. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const caller = new Caller(this.urls, this.token, 0);
    const answer = await caller.ask<T>(method, path, performance.now() + UP_MS, body);
    const { code } = (answer?.body as { error?: { code: string } } | undefined)?.error ?? {};
    if (answer === undefined || (answer.status >= 300 && code !== 'name_taken'))
      throw new Error(`${method} ${path}: ${answer?.status} ${JSON.stringify(answer?.body)}`);
    return answer.body;
  }

  /** What the orchestrators printed and logged. */
  keepLogs(folder: string): void {
    cpSync(this.folder, folder, { recursive: true });
    const log = join(this.home.path, 'log');
    if (existsSync(log)) cpSync(log, join(folder, 'log'), { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }

  async #start(): Promise<void> {
    const { orchestrators: count, own } = this.options;
    const parts = this.#parts;
    parts.defer(() => rmSync(this.folder, { recursive: true, force: true }));
    this.engine = parts.use(own ? await OwnEngine.start() : await machineEngine());
    this.home = parts.use(await SmallHome.make(own));
    this.postgres = parts.use(await TestPostgres.start());
    const redisPort = await freePort();
    this.redis = await TestRedis.start({ durable: true, port: redisPort });
    parts.defer(() => this.redis.stop());
    this.redisLog = new RedisLogCopy(this.redis);
    parts.defer(() => this.redisLog.remove());
    this.provider = parts.use(await startTestProvider());
    this.wire = parts.use(await Wire.to(this.provider.port, this.engine.hostAddress));
    const databaseUrl = await this.postgres.newDatabase();
    const env = this.#env(databaseUrl, redisPort);
    const library = libfaketime();
    const names = Array.from({ length: count }, (_, at) => `orchestrator-${at}`);
    if (library) this.clocks = names.map((name) => new SteppedClock(library, this.folder, name));
    const ports = await Promise.all(names.map(() => freePort()));
    this.orchestrators = names.map(
      (name, at) =>
        new Orchestrator(name, ports[at]!, this.folder, { ...env, ...this.clocks[at]?.env }, (what) =>
          this.crashes.push(what),
        ),
    );
    parts.defer(() => this.#endAll());
    // The first makes home and tables, the others come to what is there.
    await this.orchestrators[0]!.up();
    this.history = await History.begin(this.postgres, databaseUrl);
    this.lives = parts.use(new Lives(this.engine.docker, this.install));
    await Promise.all(this.orchestrators.slice(1).map((one) => one.up()));
    await this.#addClaws();
  }

  #env(databaseUrl: string, redisPort: number): Record<string, string> {
    const times = {
      CLAWCAGE_LEASE_MS: TIMES.leaseMs,
      CLAWCAGE_PULSE_MS: TIMES.pulseMs,
      CLAWCAGE_GRACE_MS: TIMES.graceMs,
      CLAWCAGE_ORPHAN_MS: TIMES.orphanMs,
      CLAWCAGE_RECONCILE_MS: TIMES.reconcileMs,
      CLAWCAGE_LIMITER_HOLD_MS: this.options.limiterHoldMs,
      CLAWCAGE_RESULT_FETCHED_MS: TIMES.resultMs,
      CLAWCAGE_MAX_CAGES: 10,
      CLAWCAGE_MIN_FREE_DISK_MIB: 0,
    };
    return {
      ...this.engine.env,
      ...Object.fromEntries(Object.entries(times).map(([name, value]) => [name, String(value)])),
      CLAWCAGE_HOME: this.home.path,
      CLAWCAGE_DATABASE_URL: databaseUrl,
      CLAWCAGE_REDIS_URL: `redis://127.0.0.1:${redisPort}`,
      CLAWCAGE_GATE_ALLOW_HOSTS: `host.docker.internal:${this.wire.port}`,
      ...(process.env['CLAWCAGE_BASE_IMAGE'] && { CLAWCAGE_BASE_IMAGE: process.env['CLAWCAGE_BASE_IMAGE'] }),
    };
  }

  async #addClaws(): Promise<void> {
    const { caps } = this.options;
    await this.ask('POST', '/api/v1/keys', {
      name: 'main',
      provider: 'openai',
      secret: this.provider.key,
      baseUrl: `https://host.docker.internal:${this.wire.port}/v1`,
      ca: this.provider.caPem,
      verify: true,
    });
    const claw = (name: string, more: object) =>
      this.ask('POST', '/api/v1/claws', {
        name,
        model: 'gpt-4o',
        key: 'main',
        deploy: true,
        concurrency: CONCURRENCY,
        ...more,
      });
    await claw('steady', { retry: { ...RETRY, idempotent: true } });
    await claw('careful', { retry: { ...RETRY, idempotent: false } });
    await claw('capped', {
      retry: { ...RETRY, idempotent: true },
      // A small reservation: what waits then waits for the caps, and not for the settling of large bounds.
      maxOutputTokens: 300,
      requestsPerMinute: caps.requests,
      tokensPerMinute: caps.tokens,
    });
  }

  async #endAll(): Promise<void> {
    await Promise.all(this.orchestrators.map((one) => one.down('SIGKILL')));
    // A first start that failed has not got as far as a name.
    if (existsSync(join(this.home.path, 'install-id')))
      await removeInstall(this.engine.docker, this.install).catch(() => undefined);
  }
}
