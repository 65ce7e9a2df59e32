import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Docker from 'dockerode';
import type { ClawCreate, ResultReply, TaskCreate, TaskReply, TaskView } from '#protocol/api.ts';
import { bridgeAddress } from '../../cli/demo/bridge-address.ts';
import type { Call } from '../../provider-sim/books.ts';
import { removeInstall } from './docker.ts';
import { giveStore } from './made-store.ts';
import { startTestProvider, type TestProvider } from './provider.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Reply<T> {
  readonly status: number;
  readonly body: T;
}

/**
 * The real service as a process of its own, with a home, port and installation of its own on the engine that is there, and the simulator as its
 * provider, reached from the gate by the engine's host. Disposing of it removes all that it made.
 */
export class TestService implements AsyncDisposable {
  readonly home: string;
  readonly provider: TestProvider;
  readonly #env: Record<string, string>;
  readonly #tree: string;
  #child: ChildProcess | undefined;
  #url = '';

  private constructor(provider: TestProvider, home: string, env: Record<string, string>, tree = ROOT) {
    this.#tree = tree;
    this.provider = provider;
    this.home = home;
    this.#env = {
      ...env,
      CLAWCAGE_GATE_ALLOW_HOSTS: [`host.docker.internal:${provider.port}`, env.CLAWCAGE_GATE_ALLOW_HOSTS]
        .filter((hosts) => hosts !== undefined)
        .join(','),
    };
  }

  /** One of several on a home and a provider that its caller removes: not up yet, and to be ended by `down`. `tree`: another checkout than this. */
  static member(
    provider: TestProvider,
    home: string,
    env: Record<string, string>,
    tree?: string,
  ): TestService {
    return new TestService(provider, home, env, tree);
  }

  static async start(env: Record<string, string> = {}): Promise<TestService> {
    const home = mkdtempSync(join(tmpdir(), 'clawcage-service-'));
    const service = new TestService(await bridgedProvider(), home, env);
    try {
      await giveStore(home);
      await service.up();
      return service;
    } catch (error) {
      await service[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return this.#url;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('The service does not run.');
    return this.#child.pid;
  }

  get token(): string {
    return readFileSync(join(this.home, 'admin-token'), 'utf8').trim();
  }

  get install(): string {
    return readFileSync(join(this.home, 'install-id'), 'utf8').trim();
  }

  /** Undefined where its first start did not come that far. */
  get installIfMade(): string | undefined {
    return existsSync(join(this.home, 'install-id')) ? this.install : undefined;
  }

  get baseUrl(): string {
    return `https://host.docker.internal:${this.provider.port}/v1`;
  }

  /** Starts the process and waits until it is ready. */
  async up(): Promise<void> {
    const env = { PATH: process.env.PATH!, CLAWCAGE_HOME: this.home, CLAWCAGE_PORT: '0', ...this.#env };
    const child = spawn(process.execPath, [join(this.#tree, 'orchestrator/main.ts')], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    for await (const line of createInterface(child.stdout!)) {
      const event = JSON.parse(line) as { event: string; url?: string; error?: unknown };
      if (event.event === 'failed') throw new Error(`The service failed: ${JSON.stringify(event.error)}`);
      if (event.event !== 'ready') continue;
      this.#url = event.url!;
      child.stdout!.resume();
      return;
    }
    throw new Error('The service ended before it was ready.');
  }

  get isUp(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** SIGSTOP puts it to sleep, SIGCONT wakes it. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Ends the process as an operator would (SIGTERM), or as a crash would (SIGKILL). */
  async down(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = once(child, 'exit');
    child.kill(signal);
    const [code] = (await ended) as [number | null];
    this.#child = undefined;
    return code;
  }

  async call<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply<T>> {
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
  }

  /** As `call`, for what must succeed. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, body: answer } = await this.call<T>(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  }

  async addKey(name: string, secret = this.provider.key, verify = true): Promise<void> {
    await this.ask('POST', '/api/v1/keys', {
      name,
      provider: 'openai',
      secret,
      baseUrl: this.baseUrl,
      ca: this.provider.caPem,
      verify,
    });
  }

  /** A deployed Claw on the key `main`, which is added where it is not there. */
  async claw(name: string, options: Partial<ClawCreate> = {}): Promise<void> {
    const { status } = await this.call('GET', '/api/v1/keys/main');
    if (status === 404) await this.addKey('main');
    await this.ask('POST', '/api/v1/claws', { name, model: 'gpt-4o', key: 'main', deploy: true, ...options });
  }

  async submit(claw: string, task: TaskCreate | string): Promise<string> {
    const content = typeof task === 'string' ? { text: task } : task;
    return (await this.ask<TaskReply>('POST', `/api/v1/claws/${claw}/tasks`, content)).task.id;
  }

  async state(task: string): Promise<TaskView> {
    return (await this.ask<TaskReply>('GET', `/api/v1/tasks/${task}`)).task;
  }

  /** The task's result once it has ended. */
  async result(task: string, limitMs = 60_000): Promise<ResultReply> {
    await this.until(async () => (await this.state(task)).endedAt !== null, `the end of ${task}`, limitMs);
    return this.ask<ResultReply>('GET', `/api/v1/tasks/${task}/result`);
  }

  async run(claw: string, task: TaskCreate | string): Promise<ResultReply> {
    return this.result(await this.submit(claw, task));
  }

  /** The model calls in the provider's own books; asking for its models is none. */
  chatCalls(): Call[] {
    return this.provider.books().filter((call) => call.path.endsWith('/chat/completions'));
  }

  async until(condition: () => Promise<boolean>, what: string, limitMs = 30_000): Promise<void> {
    await until(condition, what, limitMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const install = this.install;
    await this.down();
    await this.provider.close();
    await removeInstall(new Docker(), install);
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** The simulator where cages of the engine reach it, by the name of the engine's host. */
export async function bridgedProvider(): Promise<TestProvider> {
  return startTestProvider({ hosts: ['127.0.0.1', (await bridgeAddress(process.env))!] });
}

/** Asks again and again until it is so. */
export async function until(
  condition: () => Promise<boolean>,
  what: string,
  limitMs = 30_000,
): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Waited ${limitMs} ms in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
