import { toCodedError } from '#errors/coded-error.ts';
import { fenceOf } from '#task/fence.ts';
import { Keys, refName } from '../orchestrator/limiter/keys.ts';
import { DEFAULTS } from '../orchestrator/limiter/limiter-options.ts';
import { LEVELS, type CallRef, type Level, type LevelName } from '../orchestrator/limiter/permit-request.ts';
import { newId } from '../orchestrator/store/ids.ts';
import { Limiters } from '../test/support/limiter.ts';
import { TestRedis } from '../test/support/redis.ts';
import { report } from './report.ts';

/**
 * What exactness costs: our permit, sent and settle against the usual fixed window of two counters, on the same Redis in the
 * same run, interleaved, so that the machine's mood weighs on both alike. `node bench/limiter.ts`
 */
const ROUNDS = 20;
const CALLS = 1_000;
const IN_FLIGHT = 50;

const FIXED_WINDOW = `
  local minute = math.floor(redis.call('TIME')[1] / 60)
  local requests = redis.call('INCR', KEYS[1] .. minute)
  local tokens = redis.call('INCRBY', KEYS[2] .. minute, ARGV[1])
  redis.call('EXPIRE', KEYS[1] .. minute, 120)
  redis.call('EXPIRE', KEYS[2] .. minute, 120)
  return (requests <= tonumber(ARGV[2]) and tokens <= tonumber(ARGV[3])) and 1 or 0`;

const server = await TestRedis.start();
const redis = server.connect();
const limiters = new Limiters(server);
const limiter = await limiters.open({ onError: (error) => console.error(error) });
const keys = new Keys(`clawcage:${DEFAULTS.install}`);
const UUID_LENGTH = 36;
const HUGE = 1_000_000_000;
// Names as they are: their length is part of what a call takes in memory.
const ATTEMPT = { organisation: newId('org'), task: newId('task'), epoch: 1 };
const FENCE = fenceOf(1, 1);
const sha = (await redis.script('LOAD', FIXED_WINDOW)) as string;
await limiter.fence(ATTEMPT.organisation, ATTEMPT.task, FENCE);

const level = (name: LevelName, id: string): Level => ({
  level: name,
  id,
  requestsPerMinute: HUGE,
  tokensPerMinute: HUGE,
});
const ONE = [level('claw', newId('claw'))];
const THREE = LEVELS.map((name) => level(name, name === 'organisation' ? ATTEMPT.organisation : newId(name)));
const logOf = ({ level: name, id }: Level): string => `${keys.level(ATTEMPT.organisation, name, id)}:log`;
const ref = (call: string): CallRef => ({ ...ATTEMPT, callId: call.padStart(UUID_LENGTH, '0') });

const permit = (call: string, levels: readonly Level[] = ONE): Promise<unknown> =>
  limiter.permit({
    ...ref(call),
    fence: FENCE,
    claw: levels[0]!.id,
    tokens: 500,
    standing: async () => ({ levels }),
    deadlineMs: 0,
  });
/** What is measured is a refusal, and no other failure. */
const refused = async (call: string, levels: readonly Level[]): Promise<void> => {
  const answer = await permit(call, levels).catch((error: unknown) => toCodedError(error).code);
  if (answer !== 'limit_exceeded') throw new Error('A permit was not refused.');
};
const ways: Record<string, (call: string) => Promise<unknown>> = {
  'fixed window': () => redis.evalsha(sha, 2, '{o}:r', '{o}:t', 500, HUGE, HUGE),
  permit,
  sent: (call) => limiter.sent(ref(call), 1),
  settle: (call) => limiter.settle(ref(call), { tokens: 90 }),
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
    result.redisMicroseconds += await scriptMicroseconds();
  }
}

const total = ROUNDS * CALLS;
const base = results.get('fixed window')!.redisMicroseconds / total;
const entries = await redis.zcard(logOf(ONE[0]!));
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
/** Redis' own time for one decision, over `calls` of them. */
async function costOf(way: (call: string) => Promise<unknown>, calls = 2_000): Promise<number> {
  await redis.config('RESETSTAT');
  for (let from = 0; from < calls; from += IN_FLIGHT)
    await Promise.all(Array.from({ length: IN_FLIGHT }, (_, index) => way(`x${unique++}-${index}`)));
  return (await scriptMicroseconds()) / calls;
}
let unique = 0;

/** Of all scripts since `RESETSTAT`; the limiter's look at the clock, once a second, is among them. */
async function scriptMicroseconds(): Promise<number> {
  const stats = await redis.info('commandstats');
  return Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(stats)?.[1]);
}

async function bytesOf(key: string): Promise<number> {
  return Number(await redis.memory('USAGE', key, 'SAMPLES', 0));
}

/** A log of so many entries that are long yet to leave, as grants would have written it. */
async function fill(filled: Level, entries: number): Promise<void> {
  const now = Date.now();
  for (let from = 0; from < entries; from += 1_000) {
    const some = Array.from({ length: 1_000 }, (_, n) => [
      now + 80_000 + from + n,
      `${refName(ref(`f${from + n}`))}|500|1`,
    ]);
    await redis.zadd(logOf(filled), ...some.flat());
  }
  const sum = `${keys.level(ATTEMPT.organisation, filled.level, filled.id)}:sum`;
  await redis.hset(sum, 'tokens', entries * 500, 'requests', entries, 'last', now);
}
const small = level('claw', 'small');
const large = level('claw', 'large');
await fill(small, 1_000);
await fill(large, 100_000);
const best = async (way: (call: string) => Promise<unknown>): Promise<number> =>
  Math.min(await costOf(way), await costOf(way), await costOf(way));
const one = await best((call) => permit(call, [level('claw', 'one')]));
const three = await best((call) => permit(call, THREE));
const grantSmall = await best((call) => permit(call, [small]));
const grantLarge = await best((call) => permit(call, [large]));
const denySmall = await best((call) => refused(call, [{ ...small, requestsPerMinute: 1_000 }]));
const denyLarge = await best((call) => refused(call, [{ ...large, requestsPerMinute: 100_000 }]));
await permit('of-three-levels', THREE);
const underWay = await bytesOf(keys.call(ref('of-three-levels')));
await limiter.sent(ref('of-three-levels'), 1);
await limiter.settle(ref('of-three-levels'), { tokens: 90 });
const bytes = (await bytesOf(logOf(large))) / 100_000;
const record = await bytesOf(keys.call(ref('of-three-levels')));
const row = (what: string, ours: number, peer: string, value: number) => ({
  what,
  ours,
  unit: 'us',
  peer: { name: peer, value },
});
report([
  row('a grant over three levels', three, 'over one level', one),
  row('a grant beside 100,000 entries', grantLarge, 'beside 1,000', grantSmall),
  row('a refusal beside 100,000 entries', denyLarge, 'beside 1,000', denySmall),
  {
    what: 'memory of a call in the log of a level',
    ours: bytes,
    unit: 'bytes',
    note: `and for its record ${underWay}, once it is over ${record} for an hour. Always at a cap of 1,000 requests a minute, over three levels: ${((1_017 * 3 * bytes) / 2 ** 20).toFixed(1)} MiB of logs, ${((60_000 * record) / 2 ** 20).toFixed(1)} MiB of records`,
  },
]);
await limiters.closeAll();
await server.stop();
