import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReadyReply } from '#protocol/api.ts';
import { removeInstall } from '../support/docker.ts';
import { napping, wake } from '../support/nap.ts';
import { TestPostgres } from '../support/postgres.ts';
import { TestService, until } from '../support/service.ts';

const run = promisify(execFile);
let postgres: TestPostgres;
let service: TestService;
let folder: string;
let database: string;
beforeAll(async () => {
  postgres = await TestPostgres.start();
  folder = await mkdtemp(join(tmpdir(), 'clawcage-storage-'));
  database = await postgres.newDatabase();
  service = await TestService.start({
    CLAWCAGE_DATABASE_URL: database,
    CLAWCAGE_RECONCILE_MS: '500',
    CLAWCAGE_LEASE_MS: '3000',
  });
  await service.claw('worker', { retry: { attempts: 1 }, concurrency: 2 });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Calls the model three times with a pause between. */
const THREE_CALLS = [1, 2, 3].map((n) => `@tool shell {"command":"sleep 1.5; echo step ${n}"}`).join('\n');

/** The lock for which the start of a task waits in one test. */
const HELD = 4242;

const running = async (task: string): Promise<void> =>
  service.until(async () => (await service.state(task)).state === 'running', 'the task to run');
const answersAgain = (): Promise<void> =>
  service.until(
    async () => (await service.call('GET', '/api/v1/claws')).status === 200,
    'the service to answer',
  );

describe('while PostgreSQL is away', () => {
  it('(it hangs just as an agent starts) the agent makes its model calls all the same', async () => {
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    const isSo = async (query: string, ...values: string[]): Promise<boolean> =>
      (await client.query(query, values)).rowCount === 1;
    try {
      const before = service.chatCalls().length;
      await client.query(
        `create function held() returns trigger language plpgsql as
         $$ begin perform pg_advisory_xact_lock(${HELD}); return new; end $$`,
      );
      await client.query(
        `create trigger held before update on tasks for each row
         when (old.state = 'starting' and new.state = 'running') execute function held()`,
      );
      await client.query(`select pg_advisory_lock(${HELD})`);
      const id = await service.submit('worker', `${THREE_CALLS}\n@say done`);
      const written = `select from pg_locks where locktype = 'advisory' and objid = ${HELD} and not granted limit 1`;
      await until(() => isSo(written), 'the start to be written');
      const handedOver = "select from tasks where id = $1 and handed_over and state = 'starting'";
      expect(await isSo(handedOver, id)).toBe(true);
      postgres.pause();
      await until(async () => service.chatCalls().length >= before + 2, 'two model calls');
      postgres.wake();
      await client.query(`select pg_advisory_unlock(${HELD})`);
      await client.query('drop function held cascade');
      await answersAgain();
      expect(await service.result(id)).toMatchObject({
        answer: 'done',
        task: { state: 'succeeded', epoch: 1 },
      });
    } finally {
      postgres.wake();
      await client.end();
    }
  });

  it.each([
    ['hangs', () => postgres.pause(), async () => postgres.wake()],
    ['is killed', () => postgres.kill(), () => postgres.resume()],
  ])(
    '(it %s) requests are told soon, and a running task goes on with its model calls and ends once',
    async (_how, stop, start) => {
      const before = service.chatCalls().length;
      const id = await service.submit('worker', `${THREE_CALLS}\n@say done`);
      await running(id);
      const first = service.chatCalls().length;
      await stop();
      const began = performance.now();
      const refused = await service.call<{ error: { code: string } }>('GET', `/api/v1/tasks/${id}`);
      expect(refused).toMatchObject({ status: 503, body: { error: { code: 'store_unavailable' } } });
      expect(performance.now() - began).toBeLessThan(8_000);
      const ready = await service.call<ReadyReply>('GET', '/readyz');
      expect(ready).toMatchObject({ status: 503, body: { parts: { store: { ok: false } } } });
      await until(
        async () => service.chatCalls().length >= first + 2,
        'two more model calls without a database',
      );
      await start();
      await answersAgain();
      const { task, answer, usage } = await service.result(id);
      expect(task).toMatchObject({ state: 'succeeded', epoch: 1 });
      expect(answer).toBe('done');
      expect(usage.requests).toBe(service.chatCalls().length - before);
      expect((await service.run('worker', '@say after')).answer).toBe('after');
    },
  );
});

describe('a backup of a running service', () => {
  it('restores to another home, where a task runs with the key of before', { timeout: 240_000 }, async () => {
    const under = await service.submit('worker', `${napping('true')}\n@say under way`);
    await running(under);
    const [file, keks, home] = ['it.backup', 'it.keks', 'restored'].map((name) => join(folder, name));
    const cli = async (...args: string[]): Promise<Record<string, unknown>> => {
      const env = {
        PATH: process.env.PATH!,
        CLAWCAGE_HOME: service.home,
        CLAWCAGE_HOST: '127.0.0.1',
        CLAWCAGE_PORT: new URL(service.url).port,
      };
      const main = join(import.meta.dirname, '../../cli/main.ts');
      const { stdout } = await run(process.execPath, [main, ...args, '--json'], { env });
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    expect(await cli('backup', file!, '--keks', keks!)).toMatchObject({ keks: [1] });
    await wake(service, under);
    expect((await service.result(under)).answer).toBe('under way');
    const bytes = await readFile(file!);
    expect(bytes.includes(service.provider.key)).toBe(false);
    expect(await cli('restore', file!, '--keks', keks!, '--home', home!)).toMatchObject({
      lockedKeys: [],
      lostTasks: 1,
    });
    const other = TestService.member(service.provider, home!, { CLAWCAGE_LIMITER_HOLD_MS: '500' });
    try {
      await other.up();
      expect(other.install).not.toBe(service.install);
      expect(other.token).not.toBe(service.token);
      expect(await other.state(under)).toMatchObject({ error: { code: 'task_content_lost' } });
      expect((await other.run('worker', '@say restored')).answer).toBe('restored');
    } finally {
      const { installIfMade } = other;
      await other.down();
      if (installIfMade !== undefined) await removeInstall(new Docker(), installIfMade);
    }
  });
});
