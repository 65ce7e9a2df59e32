import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startRedis, type RedisService } from '../../../orchestrator/redis/start-redis.ts';
import { eventually } from '../../support/eventually.ts';
import { TestRedis } from '../../support/redis.ts';
import { SmallDisk } from '../../support/small-disk.ts';
import { troubleOf } from '../../../orchestrator/redis/trouble.ts';
import { freePort } from '../../support/free-port.ts';

const log = { info: () => undefined, warn: () => undefined };
let home: string;
const started: RedisService[] = [];
const start = async (options: Partial<Parameters<typeof startRedis>[0]> = {}): Promise<RedisService> => {
  const service = await startRedis({ home, log, ...options });
  started.push(service);
  return service;
};

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'clawcage-home-'));
});
afterEach(async () => {
  for (const service of started.splice(0)) await service.close();
  rmSync(home, { recursive: true, force: true });
});

test('without a URL a Redis of our own runs, on a socket that only its owner reaches and on no port', async () => {
  const redis = (await start()).connect();
  expect(await redis.config('GET', 'port')).toEqual(['port', '0']);
  expect(await redis.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
  expect(await redis.config('GET', 'appendfsync')).toEqual(['appendfsync', 'everysec']);
  expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
  expect(statSync(join(home, 'redis')).mode & 0o777).toBe(0o700);
  expect(statSync(join(home, 'redis', 'redis.sock')).mode & 0o777).toBe(0o700);
});

test('it keeps its data over an orderly end, after which no process is left', async () => {
  const first = await start();
  await first.connect().set('a', '1');
  const pid = first.pid as number;
  await first.close();
  await eventually(() => expect(() => process.kill(pid, 0)).toThrow());
  expect(await (await start()).connect().get('a')).toBe('1');
});

test('killed, it comes back with its data, and clients go on', async () => {
  const onLost = vi.fn();
  const service = await start({ onLost });
  const redis = service.connect();
  await redis.set('a', '1');
  process.kill(service.pid as number, 'SIGKILL');
  await eventually(() => expect(onLost).toHaveBeenCalledOnce());
  expect(await redis.get('a')).toBe('1');
  // And again: it is watched as the first was.
  await eventually(() => expect(() => process.kill(service.pid as number, 0)).not.toThrow());
  process.kill(service.pid as number, 'SIGKILL');
  await eventually(() => expect(onLost).toHaveBeenCalledTimes(2));
  expect(await redis.get('a')).toBe('1');
});

test(
  'an orchestrator that is killed leaves it running, and the next one adopts it and keeps it alive',
  { timeout: 30_000 },
  async () => {
    const module = new URL('../../../orchestrator/redis/start-redis.ts', import.meta.url).href;
    const script = `import { startRedis } from ${JSON.stringify(module)};
    const log = { info() {}, warn() {} };
    const redis = await startRedis({ home: ${JSON.stringify(home)}, log });
    console.log(redis.pid); setInterval(() => {}, 1000);`;
    const orchestrator = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(orchestrator.stdout), 'line')) as [string];
    orchestrator.kill('SIGKILL');
    await once(orchestrator, 'exit');

    const onLost = vi.fn();
    const next = await start({ onLost });
    expect(next.pid).toBe(Number(line));
    process.kill(Number(line), 'SIGKILL');
    await eventually(() => expect(onLost).toHaveBeenCalledOnce());
    expect(await next.connect().ping()).toBe('PONG');
    await eventually(() => expect(next.pid).not.toBe(Number(line)));
  },
);

/** The file that is written to, after an orderly end. */
async function writtenLog(): Promise<string> {
  const first = await start();
  const redis = first.connect();
  for (let count = 0; count < 50; count += 1) await redis.set(`name-${count}`, 'value');
  await first.close();
  const folder = join(home, 'redis', 'appendonlydir');
  return join(
    folder,
    readdirSync(folder).find((name) => name.includes('.incr.'))!,
  );
}

test('a log whose end was cut off is read up to there', async () => {
  const file = await writtenLog();
  truncateSync(file, statSync(file).size - 10);
  const next = await start();
  expect(next.lostBooks).toBe(false);
  expect(await next.connect().dbsize()).toBe(49);
});

test('a log that cannot be read is set aside and told, and it begins empty', async () => {
  const file = await writtenLog();
  const bytes = readFileSync(file);
  writeFileSync(file, Buffer.concat([bytes.subarray(0, 200), Buffer.from('no log'), bytes.subarray(300)]));
  const warn = vi.fn();
  const next = await start({ log: { info: () => undefined, warn } });
  expect(next.lostBooks).toBe(true);
  expect(await next.connect().dbsize()).toBe(0);
  expect(warn).toHaveBeenCalledWith({ file: expect.stringContaining('.damaged-') }, expect.any(String));
});

test(
  'on a full disk it takes no writes and says why, and goes on by itself when there is room',
  { timeout: 30_000 },
  async () => {
    await using disk = await SmallDisk.mount(16);
    const service = await start({ home: disk.path });
    try {
      const redis = service.connect();
      await redis.set('before', '1');
      await disk.fill(0);
      const refused = async (): Promise<boolean> =>
        redis.set('x', 'y'.repeat(10_000)).then(
          () => false,
          (error: Error) => error.message.startsWith('MISCONF'),
        );
      await vi.waitFor(async () => expect(await refused()).toBe(true), { timeout: 10_000, interval: 100 });
      expect(await redis.get('before')).toBe('1');
      expect(troubleOf(await redis.ping().catch((error: unknown) => error))).toContain('disk');
      await disk.makeRoom();
      await vi.waitFor(() => redis.set('after', '1'), { timeout: 10_000, interval: 100 });
    } finally {
      await service.close();
    }
  },
);

test('a home of a long name still gets a socket', async () => {
  const service = await start({ home: join(home, 'x'.repeat(60), 'y'.repeat(60)) });
  expect(await service.connect().ping()).toBe('PONG');
});

test('a given Redis is used and left running', async () => {
  const given = await TestRedis.start();
  const port = await freePort();
  await given.connect().config('SET', 'port', String(port));
  const service = await start({ url: `redis://127.0.0.1:${port}` });
  await service.connect().set('a', '1');
  expect(service.pid).toBeUndefined();
  await service.close();
  expect(await given.connect().get('a')).toBe('1');
  await given.stop();
});

test('where redis-server is missing the error says what to do', async () => {
  await expect(start({ binary: 'no-such-redis-server' })).rejects.toMatchObject({
    code: 'redis_unavailable',
    details: { reason: expect.stringContaining('make setup') },
  });
});

test('where the given Redis does not answer the error names it without its password', async () => {
  const error = (await start({ url: 'redis://someone:hunter2@127.0.0.1:1/0', answerMs: 200 }).catch(
    (thrown: unknown) => thrown,
  )) as Error;
  expect(error).toMatchObject({ code: 'redis_unavailable' });
  expect(JSON.stringify(error)).not.toContain('hunter2');
});
