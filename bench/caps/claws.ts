import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import type { ResultReply, TaskReply } from '#protocol/api.ts';
import type { TestOrchestrators } from '../../test/support/orchestrators.ts';
import type { TestService } from '../../test/support/service.ts';
import type { ClientSettings } from './client.ts';
import {
  CLAWS,
  KEY_CAPS,
  KEYS,
  ORGANISATION_CAPS,
  WINDOW_MS,
  type Caps,
  type ClawOfRun,
} from './scenario.ts';

const AGAIN_MS = 500;
const LEFT_MS = 180_000;
/** Cages that all start at once only keep each other waiting. */
const APART_MS = 1_000;
const RESOURCES = { memoryMiB: 256, cpus: 1, pids: 128, workMiB: 16, tmpMiB: 16 };

/** As the API names them. */
export const named = ({ requests, tokens }: Caps) => ({
  ...(requests !== undefined && { requestsPerMinute: requests }),
  ...(tokens !== undefined && { tokensPerMinute: tokens }),
});

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The keys, the Claws and their tasks, by whichever orchestrator is up. */
export class Claws {
  readonly #all: TestOrchestrators;
  readonly #client: string;
  readonly #seed: number;
  /** How the tasks' calls ended, as their agents told. */
  readonly statuses: Record<string, number> = {};
  /** How the tasks ended that did not succeed. */
  readonly failures: Record<string, number> = {};

  private constructor(all: TestOrchestrators, client: string, seed: number) {
    this.#all = all;
    this.#client = client;
    this.#seed = seed;
  }

  static async make(
    all: TestOrchestrators,
    secrets: Readonly<Record<string, string>>,
    seed: number,
  ): Promise<Claws> {
    const one = all.at(0);
    for (const key of KEYS) {
      await one.addKey(key, secrets[key]!, false);
      await one.ask('PATCH', `/api/v1/keys/${key}`, named(KEY_CAPS[key]));
    }
    await one.ask('PATCH', '/api/v1/limits', named(ORGANISATION_CAPS));
    for (const { name, key, caps } of CLAWS)
      await one.claw(name, {
        key,
        ...named(caps),
        concurrency: 1,
        timeoutMs: 24 * 3600_000,
        // A cage that is late on a busy machine is tried again.
        retry: { attempts: 3, idempotent: true },
        resources: RESOURCES,
        agent: { command: ['node', '/work/in/client.mjs', '/work/in/settings.json'] },
      });
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('client.ts', import.meta.url))],
      bundle: true,
      format: 'esm',
      platform: 'node',
      write: false,
    });
    return new Claws(all, Buffer.from(outputFiles[0]!.contents).toString('base64'), seed);
  }

  /** Each has a task all the time: another where one has ended before, because something of it was killed. */
  async run(untilMs: number): Promise<void> {
    await Promise.all(
      CLAWS.map(async (claw, at) => {
        await later(at * APART_MS);
        for (let round = 0; Date.now() < untilMs - AGAIN_MS; round++)
          await this.#task(claw, this.#seed * 10_000 + at * 100 + round, untilMs);
      }),
    );
  }

  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    for (const endMs = Date.now() + LEFT_MS; ; await later(AGAIN_MS)) {
      const { present } = this.#all;
      const one: TestService | undefined = present[Math.floor(Math.random() * present.length)];
      const reply = await one?.call<T>(method, path, body).catch(() => undefined);
      if (reply && reply.status < 300) return reply.body;
      // One that is just starting or dying is asked again, elsewhere.
      const refused =
        reply && reply.status < 500 ? `${reply.status} ${JSON.stringify(reply.body)}` : undefined;
      if (refused !== undefined || Date.now() > endMs)
        throw new Error(`${method} ${path}: ${refused ?? 'nobody answers'}`);
    }
  }

  async #task({ name, habit, atOnce, tokens }: ClawOfRun, seed: number, untilMs: number): Promise<void> {
    const settings: ClientSettings = { name, seed, habit, atOnce, tokens, windowMs: WINDOW_MS, untilMs };
    const file = (of: string, data: string) => ({ name: of, data });
    const { task } = await this.ask<TaskReply>('POST', `/api/v1/claws/${name}/tasks`, {
      text: 'calls',
      files: [
        file('client.mjs', this.#client),
        file('settings.json', Buffer.from(JSON.stringify(settings)).toString('base64')),
      ],
    });
    for (const endMs = untilMs + LEFT_MS; Date.now() < endMs; await later(AGAIN_MS)) {
      const now = (await this.ask<TaskReply>('GET', `/api/v1/tasks/${task.id}`)).task;
      if (now.endedAt === null) continue;
      if (now.state === 'succeeded') await this.#tell(task.id);
      else this.#count(this.failures, now.error?.code ?? now.state);
      return;
    }
    throw new Error(`The task of ${name} does not end.`);
  }

  async #tell(task: string): Promise<void> {
    const { answer } = await this.ask<ResultReply>('GET', `/api/v1/tasks/${task}/result`);
    const told = JSON.parse(answer ?? '{}') as Record<string, number>;
    for (const [status, count] of Object.entries(told)) this.#count(this.statuses, status, count);
  }

  #count(into: Record<string, number>, name: string, by = 1): void {
    into[name] = (into[name] ?? 0) + by;
  }
}
