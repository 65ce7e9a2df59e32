import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { ENTRY_MS, SEND_WITHIN_MS } from '#limits/window.ts';
import { Scripts } from '../orchestrator/limiter/scripts.ts';
import { report } from './report.ts';

/**
 * What exactness costs: our permit, sent and settle against the usual fixed window of two counters, on the same Redis in the
 * same run, interleaved, so that the machine's mood weighs on both alike. `node bench/limiter.ts`
 */
const ROUNDS = 20;
const CALLS = 1_000;
const IN_FLIGHT = 50;
const KEEP_MS = 86_400_000;

const FIXED_WINDOW = `
  local minute = math.floor(redis.call('TIME')[1] / 60)
  local requests = redis.call('INCR', KEYS[1] .. minute)
  local tokens = redis.call('INCRBY', KEYS[2] .. minute, ARGV[1])
  redis.call('EXPIRE', KEYS[1] .. minute, 120)
  redis.call('EXPIRE', KEYS[2] .. minute, 120)
  return (requests <= tonumber(ARGV[2]) and tokens <= tonumber(ARGV[3])) and 1 or 0`;

const folder = mkdtempSync(join(tmpdir(), 'clawcage-bench-'));
const socket = join(folder, 'redis.sock');
const server = spawn(
  'redis-server',
  ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no'],
  { stdio: 'ignore' },
);
const redis = new Redis(socket, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
redis.on('error', () => undefined);
await redis.ping();

const scripts = new Scripts();
await redis.set('{o}:marker', 0);
await redis.set('{o}:fence:t', 1);
const line = ['{o}:c:queue', '{o}:c:leases', '{o}:c:tickets'];
const books = ['{o}:c:log', '{o}:c:sum'];
const HUGE = 1_000_000_000;
const sha = (await redis.script('LOAD', FIXED_WINDOW)) as string;

const permit = (call: string): Promise<unknown> =>
  scripts.run(
    redis,
    'permit',
    ['{o}:marker', '{o}:fence:t', `{o}:call:${call}`, ...line, ...books],
    [call, 1, 500, 1, 0, SEND_WITHIN_MS, ENTRY_MS, KEEP_MS, 'room', HUGE, HUGE],
  );
const ways: Record<string, (call: string) => Promise<unknown>> = {
  'fixed window': () => redis.evalsha(sha, 2, '{o}:r', '{o}:t', 500, HUGE, HUGE),
  permit,
  sent: (call) => scripts.run(redis, 'sent', [`{o}:call:${call}`], [1, SEND_WITHIN_MS, ENTRY_MS, 'room']),
  settle: (call) =>
    scripts.run(redis, 'settle', [`{o}:call:${call}`], [90, 1, SEND_WITHIN_MS, ENTRY_MS, 60_000, 'room']),
};

const results = new Map(Object.keys(ways).map((name) => [name, { redisMicroseconds: 0, wallMs: 0 }]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, way] of Object.entries(ways)) {
    await redis.config('RESETSTAT');
    const startedAt = performance.now();
    for (let from = 0; from < CALLS; from += IN_FLIGHT) {
      await Promise.all(Array.from({ length: IN_FLIGHT }, (_, index) => way(`c${round}-${from + index}`)));
    }
    const result = results.get(name)!;
    result.wallMs += performance.now() - startedAt;
    const stats = await redis.info('commandstats');
    result.redisMicroseconds += Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(stats)?.[1]);
  }
}

const total = ROUNDS * CALLS;
const base = results.get('fixed window')!.redisMicroseconds / total;
const entries = await redis.zcard('{o}:c:log');
report(
  [...results]
    .filter(([name]) => name !== 'fixed window')
    .map(([name, { redisMicroseconds, wallMs }]) => ({
      what: `${name}: Redis' own time`,
      ours: redisMicroseconds / total,
      unit: 'us',
      peer: { name: 'a fixed window of two counters', value: base },
      note: `${Math.round((total / wallMs) * 1000)} a second, ${IN_FLIGHT} in flight; ${entries} entries in the log`,
    })),
);
redis.disconnect();
server.kill();
rmSync(folder, { recursive: true, force: true });
