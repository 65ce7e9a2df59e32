import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Vault } from '#vault/vault.ts';
import { vaultEventKeys } from '../../../orchestrator/events/event-keys.ts';
import { EventHub, type HubOptions } from '../../../orchestrator/events/event-hub.ts';
import { afterAttempt } from '../../../orchestrator/events/fence.ts';
import { RedisStreamLog, type RedisLogOptions } from '../../../orchestrator/events/stream-log.ts';
import { QUEUED, USAGE } from '../../../orchestrator/http/reference/examples.ts';
import { fenceOf } from '#task/fence.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryKeks, MemoryShreddingKeys } from '../../support/memory-keys.ts';
import { TestRedis } from '../../support/redis.ts';
import { Watched } from '../../support/watched-events.ts';

let redis: TestRedis;
beforeAll(async () => void (redis = await TestRedis.start()));
afterAll(() => redis.stop());

const shredding = new MemoryShreddingKeys();
const vault = new Vault({ keks: new MemoryKeks(), shredding });
const hubs: EventHub[] = [];
afterEach(() => hubs.splice(0).forEach((hub) => hub.close()));

const ended = { kind: 'ended', task: QUEUED, usage: USAGE } as const;
const text = (words: string) => ({ kind: 'text', text: words }) as const;
const FIRST = fenceOf(1, 1);
const SECOND = fenceOf(1, 2);
const THIRD = fenceOf(1, 3);

/** Of one command, longer than a busy machine takes for it: only a Redis that is away is found to be so. */
const COMMAND_MS = 10_000;

/** An orchestrator as far as events go. */
function orchestrator(options: HubOptions & { redis?: Partial<RedisLogOptions> } = {}, on = redis) {
  const log = new RedisStreamLog(on.connect({ lazyConnect: true }), {
    install: 'test',
    commandMs: COMMAND_MS,
    ...options.redis,
  });
  const hub = new EventHub({ log, keys: vaultEventKeys(vault), ...options });
  hubs.push(hub);
  return { hub, log };
}

async function ready(...all: { log: RedisStreamLog }[]): Promise<void> {
  await eventually(() => expect(all.every(({ log }) => log.isReady)).toBe(true));
}

async function newTask() {
  const task = `task_${randomUUID()}`;
  await vault.sealContent({ organisation: 'o', task, kind: 'input' }, Buffer.from('x'));
  return { organisation: 'o', task };
}

/** What the cage of an attempt says, numbered. */
const fromCage = (number: number, fence = FIRST) => ({ fence, once: { field: 'cage 1', number } });

describe('the events of a task', () => {
  it('come to a subscriber of another orchestrator, with the same ids and in the same order', async () => {
    const [a, b] = [orchestrator(), orchestrator()];
    await ready(a, b);
    const of = await newTask();
    const there = Watched.of(b.hub, of);
    await there.caughtUp();
    const here = Watched.of(a.hub, of);
    for (let n = 1; n <= 300; n++) void a.hub.publish(of, text(`${n} `), fromCage(n));
    await a.hub.publish(of, ended, { fence: afterAttempt(1) });
    await eventually(() => expect(there.kinds().at(-1)).toBe('ended'));
    expect(there.messages.filter(({ type }) => type === 'event')).toEqual(
      here.messages.filter(({ type }) => type === 'event'),
    );
    expect(there.texts().join('')).toBe(Array.from({ length: 300 }, (_, n) => `${n + 1} `).join(''));
    expect(there.types()).not.toContain('gap');
  });

  it('that come together take one round trip, and those that come alone one each', async () => {
    const a = orchestrator();
    await ready(a);
    const of = await newTask();
    await a.hub.publish(of, text('first'), fromCage(1));
    const scripts = async (): Promise<number> => {
      const stats = await redis.connect().info('commandstats');
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await scripts();
    await Promise.all([2, 3, 4, 5, 6].map((n) => a.hub.publish(of, text('x'), fromCage(n))));
    expect(await scripts()).toBe(before + 1);
    for (const n of [7, 8, 9]) await a.hub.publish(of, text('x'), fromCage(n));
    expect(await scripts()).toBe(before + 4);
  });

  it('that a cage says again to the next orchestrator, because nobody had acknowledged them, are no second ones', async () => {
    const [a, b] = [orchestrator(), orchestrator()];
    await ready(a, b);
    const of = await newTask();
    for (const n of [1, 2, 3]) await a.hub.publish(of, text(`${n}`), fromCage(n));
    await a.hub.publish(of, text('call'), { fence: FIRST, once: { field: 'call x' } });
    a.hub.close();
    const seen = Watched.of(b.hub, of);
    for (const n of [2, 3, 4]) void b.hub.publish(of, text(`${n}`), fromCage(n, SECOND));
    await b.hub.publish(of, text('call'), { fence: SECOND, once: { field: 'call x' } });
    await b.hub.publish(of, text('5'), fromCage(5, SECOND));
    await eventually(() => expect(seen.texts()).toEqual(['1', '2', '3', 'call', '4', '5']));
    const ids = seen.ids();
    expect(ids).toEqual(ids.map((_, index) => ids[0]! + index));
  });

  it('that were acknowledged to a cage and never written, because their writer died, are a gap for everybody; written ones are none', async () => {
    const [a, b, c] = [orchestrator(), orchestrator(), orchestrator()];
    await ready(a, b, c);
    const of = await newTask();
    const there = Watched.of(c.hub, of);
    await there.caughtUp();
    for (const n of [1, 2]) await a.hub.publish(of, text(`${n}`), fromCage(n));
    await eventually(() => expect(there.texts()).toEqual(['1', '2']));
    a.hub.close();
    await b.hub.acknowledged(of, fromCage(2, SECOND));
    await b.hub.publish(of, text('3'), fromCage(3, SECOND));
    await eventually(() => expect(there.texts()).toEqual(['1', '2', '3']));
    expect(there.types()).not.toContain('gap');
    await c.hub.acknowledged(of, fromCage(5, THIRD));
    await c.hub.publish(of, text('6'), fromCage(6, THIRD));
    const late = Watched.of(c.hub, of);
    const back = Watched.of(b.hub, of, { after: there.ids()[1] });
    for (const one of [there, late, back]) {
      await eventually(() => expect(one.texts().at(-1)).toBe('6'));
      expect(one.types().filter((type) => type !== 'caught_up')).toEqual(
        one === back ? ['event', 'gap', 'event'] : ['event', 'event', 'event', 'gap', 'event'],
      );
    }
    const [gap] = there.messages.filter(({ type }) => type === 'gap');
    expect(gap).toMatchObject({ from: there.ids().at(-1) });
  });

  it('of a sleeper that another has taken over from are refused, and shown to nobody', async () => {
    const [a, b] = [orchestrator(), orchestrator()];
    await ready(a, b);
    const of = await newTask();
    const sleepers = Watched.of(a.hub, of);
    await a.hub.publish(of, text('one'), fromCage(1));
    await b.hub.publish(of, text('two'), fromCage(2, SECOND));
    await expect(a.hub.publish(of, text('old'), fromCage(3))).rejects.toMatchObject({ code: 'lease_lost' });
    await b.hub.publish(of, text('three'), fromCage(3, SECOND));
    await eventually(() => expect(sleepers.texts()).toEqual(['one', 'two', 'three']));
    // Nor of an attempt whose end, or whose way back to the queue, is written.
    await a.hub.publish(of, text('waits'), { fence: afterAttempt(1) });
    await expect(b.hub.publish(of, text('old'), fromCage(4, SECOND))).rejects.toMatchObject({
      code: 'lease_lost',
    });
    await expect(b.hub.publish(of, text('next attempt'), { fence: fenceOf(2, 0) })).resolves.toBeUndefined();
  });

  it('of two that may both write go into one order', async () => {
    const [a, b] = [orchestrator(), orchestrator()];
    await ready(a, b);
    const of = await newTask();
    const seen = [Watched.of(a.hub, of), Watched.of(b.hub, of)];
    const by = { fence: afterAttempt(0) };
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => (n % 2 ? a : b).hub.publish(of, text(`${n}`), by)),
    );
    await eventually(() => {
      for (const one of seen) expect(one.texts()).toHaveLength(40);
    });
    expect(seen[0]!.messages.filter(({ type }) => type === 'event')).toEqual(
      seen[1]!.messages.filter(({ type }) => type === 'event'),
    );
  });

  it('go on where they were when Redis lost everything: nobody misses or sees one twice', async () => {
    const [a, b] = [orchestrator(), orchestrator()];
    await ready(a, b);
    const of = await newTask();
    const there = Watched.of(b.hub, of);
    await there.caughtUp();
    for (const n of [1, 2, 3]) await a.hub.publish(of, text(`${n}`), fromCage(n));
    await eventually(() => expect(there.texts()).toHaveLength(3));
    await redis.connect().flushall();
    for (const n of [4, 5]) await a.hub.publish(of, text(`${n}`), fromCage(n));
    await eventually(() => expect(there.texts()).toEqual(['1', '2', '3', '4', '5']));
    expect(there.types()).not.toContain('gap');
    const c = orchestrator();
    await ready(c);
    const late = Watched.of(c.hub, of, { after: there.ids()[1] });
    await late.caughtUp();
    expect(late.texts()).toEqual(['3', '4', '5']);
  });

  it('have higher ids than all before where Redis lost everything and another orchestrator writes them', async () => {
    const a = orchestrator();
    await ready(a);
    const of = await newTask();
    const first = Watched.of(a.hub, of);
    await first.caughtUp();
    for (const n of [1, 2]) await a.hub.publish(of, text(`${n}`), fromCage(n));
    a.hub.close();
    await redis.connect().flushall();
    const b = orchestrator();
    await ready(b);
    await b.hub.publish(of, text('3'), fromCage(3, SECOND));
    const back = Watched.of(b.hub, of, { after: first.lastId });
    await back.caughtUp();
    expect(back.types()).toEqual(['gap', 'event', 'caught_up']);
    expect(back.texts()).toEqual(['3']);
  });

  it('lie in Redis sealed, under a key that goes with the task', async () => {
    const canary = `canary-${randomUUID()}`;
    const a = orchestrator();
    await ready(a);
    const of = await newTask();
    await a.hub.publish(of, text(canary), fromCage(1));
    const client = redis.connect();
    const dumps = await Promise.all((await client.keys('*')).map((key) => client.dumpBuffer(key)));
    expect(dumps.length).toBeGreaterThan(1);
    expect(dumps.some((dump) => dump!.includes(canary))).toBe(false);
    await vault.shred(of.task);
    const b = orchestrator();
    await ready(b);
    const late = Watched.of(b.hub, of, { lastWord: ended });
    await eventually(() => expect(late.kinds()).toEqual(['ended']));
  });

  it('of which the oldest had to go begin with a gap at every orchestrator', async () => {
    const [a, b] = [orchestrator({ ringBytes: 3000, redis: { limitBytes: 3000 } }), orchestrator()];
    await ready(a, b);
    const of = await newTask();
    const here = Watched.of(a.hub, of);
    await here.caughtUp();
    for (let n = 1; n <= 50; n++) await a.hub.publish(of, text('x'.repeat(200)), fromCage(n));
    const there = Watched.of(b.hub, of, { after: here.ids()[0] });
    await there.caughtUp();
    const [gap, next] = there.messages;
    expect(gap).toEqual({ type: 'gap', task: of.task, from: next?.type === 'event' && next.id });
    expect(there.lastId).toBe(here.lastId);
    expect(there.ids().length).toBeLessThan(12);
  });

  it('are gone from Redis some time after the end', async () => {
    const a = orchestrator({ redis: { keepEndedMs: 50 } });
    await ready(a);
    const of = await newTask();
    await a.hub.publish(of, text('x'), fromCage(1));
    await a.hub.publish(of, ended, { fence: afterAttempt(1) });
    await eventually(async () => expect(await redis.connect().keys(`*${of.task}*`)).toEqual([]));
  });

  it('of a task without any need none for its end: others look at its row at once', async () => {
    const word = { ...ended };
    const rows = { ended: async (tasks: readonly string[]) => new Set(tasks), lastWord: async () => word };
    const [a, b] = [orchestrator({ rows }), orchestrator({ rows })];
    await ready(a, b);
    const of = await newTask();
    // No round looks at a row.
    b.hub.sweep = () => undefined;
    const there = Watched.of(b.hub, of);
    await there.caughtUp();
    await vault.shred(of.task);
    await a.hub.publish(of, ended, { fence: afterAttempt(0) });
    await eventually(() => expect(there.kinds()).toEqual(['ended']));
    expect(await redis.connect().keys(`*${of.task}*`)).toEqual([]);
  });

  it('whose end nobody wrote, because its writer died just then, end by the row, behind a gap: more may be lost with it', async () => {
    const rows = { ended: async (tasks: readonly string[]) => new Set(tasks), lastWord: async () => ended };
    const [a, b] = [orchestrator(), orchestrator({ rows })];
    await ready(a, b);
    const of = await newTask();
    await a.hub.publish(of, text('all'), fromCage(1));
    a.hub.close();
    const there = Watched.of(b.hub, of);
    await eventually(() => expect(there.kinds()).toEqual(['text', 'ended']));
    expect(there.types()).toEqual(['event', 'caught_up', 'gap', 'event']);
    const late = Watched.of(b.hub, of, { after: there.ids()[0], lastWord: ended });
    await eventually(() => expect(late.types()).toEqual(['gap', 'event']));
    expect(late.ids()).toEqual([there.lastId]);
  });
});

describe('while Redis is away', () => {
  it('they are shown where they are said, without waiting, and to the others when it is back', async () => {
    const own = await TestRedis.start();
    const [a, b] = [orchestrator({}, own), orchestrator({}, own)];
    await ready(a, b);
    const of = await newTask();
    const [here, there] = [Watched.of(a.hub, of), Watched.of(b.hub, of)];
    for (const n of [1, 2]) await a.hub.publish(of, text(`${n}`), fromCage(n));
    await eventually(() => expect(there.texts()).toHaveLength(2));
    await own.kill();
    await eventually(() => expect(a.log.isReady).toBe(false));
    const began = performance.now();
    for (const n of [3, 4, 5]) await a.hub.publish(of, text(`${n}`), fromCage(n));
    expect(performance.now() - began).toBeLessThan(COMMAND_MS / 2);
    expect(here.texts()).toEqual(['1', '2', '3', '4', '5']);
    await own.start();
    await eventually(() => expect(there.texts()).toEqual(['1', '2', '3', '4', '5']));
    expect([...here.types(), ...there.types()]).not.toContain('gap');
    expect(there.ids()).toEqual(here.ids());
    await a.hub.publish(of, text('6'), fromCage(6));
    await eventually(() => expect(there.texts().at(-1)).toBe('6'));
    await own.stop();
  });

  it.each(['is still away', 'is back'])(
    'and its writer dies with what it kept, the end is told behind a gap when Redis %s',
    async (then) => {
      const own = await TestRedis.start();
      const over = new Set<string>();
      const rows = { ended: async () => over, lastWord: async () => ended };
      const [a, b] = [orchestrator({ rows }, own), orchestrator({ rows }, own)];
      await ready(a, b);
      const of = await newTask();
      const there = Watched.of(b.hub, of);
      await a.hub.publish(of, text('1'), fromCage(1));
      await eventually(() => expect(there.texts()).toEqual(['1']));
      await own.kill();
      await eventually(() => expect([a.log.isReady, b.log.isReady]).toEqual([false, false]));
      await a.hub.publish(of, text('2'), fromCage(2));
      a.hub.close();
      if (then === 'is back') {
        await own.start();
        await ready(b);
      }
      over.add(of.task);
      await eventually(() => expect(there.kinds()).toEqual(['text', 'ended']));
      expect(there.types().slice(-2)).toEqual(['gap', 'event']);
      await own.stop();
    },
  );

  it('a Redis that says nothing holds up nobody longer than one command may take', async () => {
    const own = await TestRedis.start();
    const commandMs = 3000;
    const { hub, log } = orchestrator({ redis: { commandMs } }, own);
    await ready({ log });
    const of = await newTask();
    const here = Watched.of(hub, of);
    await hub.publish(of, text('1'), fromCage(1));
    own.pause();
    await hub.publish(of, text('2'), fromCage(2));
    const began = performance.now();
    for (const n of [3, 4]) await hub.publish(of, text(`${n}`), fromCage(n));
    expect(performance.now() - began).toBeLessThan(commandMs);
    expect(here.texts()).toEqual(['1', '2', '3', '4']);
    own.resume();
    await eventually(async () => {
      const [stream] = (await own.connect().keys('*:events:*')).filter((key) => !key.endsWith(':state'));
      expect(await own.connect().xlen(stream!)).toBe(4);
    });
    expect(here.types()).not.toContain('gap');
    await own.stop();
  });
});
