import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Limiter } from '../../../orchestrator/limiter/limiter.ts';
import type { LimiterOptions } from '../../../orchestrator/limiter/limiter-options.ts';
import type { PermitRequest } from '../../../orchestrator/limiter/permit-request.ts';
import { eventually } from '../../support/eventually.ts';
import { ClawOfTest, Limiters, ONLY_CALLED } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';
import { SocketProxy } from '../../support/socket-proxy.ts';

let server: TestRedis;
let limiters: Limiters;
const aborted = new AbortController();

beforeAll(async () => {
  server = await TestRedis.start();
  limiters = new Limiters(server);
});
afterEach(async () => {
  await limiters.closeAll();
  await server.connect().flushall();
});
afterAll(() => server.stop());

interface Caps {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
}

/** A Claw that shares a key with others. */
class Sharer {
  readonly #it: ClawOfTest;
  readonly #standing: PermitRequest['standing'];
  granted = 0;

  constructor(limiter: Limiter, key: Caps & { id: string }, own: Caps = {}, weight = 1) {
    this.#it = new ClawOfTest(limiter, {});
    const levels = [
      { level: 'claw', id: this.#it.claw, ...own },
      { level: 'key', ...key },
      { level: 'organisation', id: 'o1' },
    ] as const;
    this.#standing = async () => ({ levels, weight });
  }

  get claw(): string {
    return this.#it.claw;
  }

  /** Resolves with what gives the call back as never sent, so that its room is free at once. */
  async call(
    tokens = 1,
    deadlineMs = 60_000,
    onWaiting?: (reason: string) => void,
  ): Promise<() => Promise<unknown>> {
    const call = this.#it.call(tokens, {
      deadlineMs,
      standing: this.#standing,
      ...(onWaiting && { onWaiting }),
    });
    await this.#it.limiter.permit(call, aborted.signal);
    this.granted += 1;
    return () => this.#it.limiter.settle(call, { tokens: 0, requests: 0 });
  }

  waits = async (): Promise<number> => (await this.#it.window()).waiting;

  fence = () => this.#it.fence();
}

async function sharers(limiter: Limiter, caps: Caps, weights: readonly number[]): Promise<Sharer[]> {
  const key = { id: randomUUID(), ...caps };
  const all = weights.map((weight) => new Sharer(limiter, key, {}, weight));
  await Promise.all(all.map((one) => one.fence()));
  return all;
}

/** Each Claw always has `backlog` calls that want to be made, until so many were granted in all. */
async function saturate(all: readonly Sharer[], backlog: number, calls: number): Promise<number[]> {
  let left = calls;
  const worker = async (one: Sharer): Promise<void> => {
    while (left > 0) {
      const giveBack = await one.call();
      if (left-- <= 0) one.granted -= 1;
      await giveBack();
    }
  };
  await Promise.all(all.flatMap((one) => Array.from({ length: backlog }, () => worker(one))));
  return all.map(({ granted }) => granted);
}

test('a newcomer behind another Claw’s 3,000 waiting calls on the same key waits for at most one call', async () => {
  const all = await sharers(await limiters.open(ONLY_CALLED), { requestsPerMinute: 1 }, [1, 1]);
  const [busy, newcomer] = all as [Sharer, Sharer];
  const giveBack = await busy.call();
  const reasons = new Set<string>();
  const backlog = Array.from({ length: 3_000 }, () =>
    busy.call(1, 60_000, (reason) => reasons.add(reason)).catch(() => undefined),
  );
  await vi.waitFor(async () => expect(await busy.waits()).toBe(3_000), { timeout: 20_000 });
  // None of them came so late to Redis that it was not answered.
  expect([...reasons].sort()).toEqual(['claw queue', 'key requests']);
  const waiting = newcomer.call();
  await eventually(async () => expect(await newcomer.waits()).toBe(1));
  await giveBack();
  await waiting;
  expect(busy.granted).toBeLessThanOrEqual(2);
  await limiters.closeAll();
  await Promise.all(backlog);
});

test('nine Claws that want all they can get have the same share', async () => {
  const shares = await saturate(
    await sharers(await limiters.open(), { requestsPerMinute: 3 }, Array(9).fill(1)),
    3,
    270,
  );
  const sum = shares.reduce((total, one) => total + one, 0);
  const jain = sum ** 2 / (shares.length * shares.reduce((total, one) => total + one ** 2, 0));
  expect(jain).toBeGreaterThanOrEqual(0.99);
});

test('a key that is never idle remembers no Claw that came once, as soon as the others have had as much, but whoever had more', async () => {
  const all = await sharers(await limiters.open(), { tokensPerMinute: 1_000_000 }, Array(200).fill(1));
  const [steady, greedy] = all as [Sharer, Sharer];
  for (const one of all) await (await one.call(one === greedy ? 900_000 : 1))();
  const client = server.connect();
  const remembered = async (): Promise<string[]> => {
    const [sum] = await client.keys('*:key:*:sum');
    return (await client.hkeys(sum ?? '')).filter((field) => field.startsWith('pass:'));
  };
  expect(await remembered()).toHaveLength(200);
  for (let nth = 0; nth < 3_000 && (await remembered()).length > 64; nth += 1) await (await steady.call())();
  const left = await remembered();
  expect(left.length).toBeLessThanOrEqual(64);
  expect(left.some((field) => field.endsWith(greedy.claw))).toBe(true);
});

test('shares follow the weights', async () => {
  const shares = await saturate(
    await sharers(await limiters.open(), { requestsPerMinute: 2 }, [1, 2, 4]),
    6,
    210,
  );
  const sum = shares.reduce((total, one) => total + one, 0);
  expect(shares.map((share) => (share / sum) * 7)).toEqual(
    [1, 2, 4].map((weight) => expect.closeTo(weight, 0)),
  );
});

test('a large call that waits for room of the key is not starved by small ones of other Claws', async () => {
  const all = await sharers(await limiters.open(), { tokensPerMinute: 100 }, [1, 1, 1]);
  const [before, large, small] = all as [Sharer, Sharer, Sharer];
  const giveBack = await before.call(50);
  await (
    await small.call(10)
  )();
  const order: string[] = [];
  const reasons: string[] = [];
  const first = large.call(100).then(async (settleIt) => {
    order.push('large');
    await settleIt();
  });
  await eventually(async () => expect(await large.waits()).toBe(1));
  // Each would fit beside the 50 that count now.
  const others = Array.from({ length: 3 }, () =>
    small.call(10, 60_000, (reason) => void reasons.push(reason)).then(() => order.push('small')),
  );
  await eventually(async () => expect(await small.waits()).toBe(3));
  await giveBack();
  await Promise.all([first, ...others]);
  expect(order).toEqual(['large', 'small', 'small', 'small']);
  expect(reasons).toContain('key turn');
  expect(reasons).toContain('claw queue');
});

test('a Claw that waits for its own cap holds nobody up', async () => {
  const limiter = await limiters.open();
  const key = { id: 'shared', requestsPerMinute: 10 };
  const [full, other] = [
    new Sharer(limiter, key, { requestsPerMinute: 1 }),
    new Sharer(limiter, key),
  ] as const;
  await Promise.all([full.fence(), other.fence()]);
  await full.call();
  const waiting = full.call().catch(() => 'let go');
  await eventually(async () => expect(await full.waits()).toBe(1));
  await other.call(1, 0);
  await limiters.closeAll();
  expect(await waiting).toBe('let go');
});

test('where several Claws are equally next, it is in the order in which they began to wait', async () => {
  const all = await sharers(await limiters.open(), { requestsPerMinute: 1 }, Array(7).fill(1));
  const giveBack = await all[0]!.call();
  const order: number[] = [];
  const calls: Promise<unknown>[] = [];
  for (const [nth, one] of all.entries()) {
    if (nth === 0) continue;
    const call = one.call().then((giveItBack) => {
      order.push(nth);
      return giveItBack();
    });
    calls.push(call);
    await eventually(async () => expect(await one.waits()).toBe(1));
  }
  await giveBack();
  await Promise.all(calls);
  expect(order).toEqual([1, 2, 3, 4, 5, 6]);
});

/** An orchestrator that can be cut off from Redis: nothing else is seen of one that died. */
async function mortal(options: LimiterOptions): Promise<{ limiter: Limiter; die: () => Promise<void> }> {
  const way = await SocketProxy.to({ path: server.socket });
  const redis = new Redis(way.port, { lazyConnect: true });
  const limiter = new Limiter(redis, options);
  await eventually(() => expect(limiter.isReady).toBe(true));
  return { limiter, die: () => way.cut() };
}

test('100 waiters of an orchestrator that died hold other Claws up for a third of a lease, and for no more', async () => {
  const lease = { leaseMs: 18_000, renewMs: 6_000 };
  const key = { id: 'shared', tokensPerMinute: 100 };
  const [dying, living] = [await mortal(lease), await limiters.open(lease)];
  const [lost, holder, next] = [
    new Sharer(dying.limiter, key),
    new Sharer(living, key),
    new Sharer(living, key),
  ] as const;
  await Promise.all([lost, holder, next].map((one) => one.fence()));
  await holder.call(60);
  const calls = Array.from({ length: 100 }, () => lost.call(90).catch(() => 'lost'));
  await eventually(async () => expect(await lost.waits()).toBe(100));
  await dying.die();
  const startedAt = performance.now();
  await next.call(10);
  const tookMs = performance.now() - startedAt;
  expect(tookMs).toBeGreaterThan(lease.leaseMs / 3 - lease.renewMs / 2 - 1_000);
  expect(tookMs).toBeLessThan(lease.leaseMs / 3 + 3_000);
  await dying.limiter.close();
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['lost']));
});

test('100 waiters of an orchestrator that died keep the line of their own Claw for one lease in all, not for one each', async () => {
  const lease = { leaseMs: 6_000, renewMs: 2_000 };
  const [dying, living] = [await mortal(lease), await limiters.open(lease)];
  const it = new ClawOfTest(living, { tokensPerMinute: 100 });
  await it.fence();
  await living.permit(it.call(60));
  const calls = Array.from({ length: 100 }, () =>
    dying.limiter.permit(it.call(90, { deadlineMs: 60_000 })).catch(() => 'lost'),
  );
  await eventually(async () => expect((await it.window()).waiting).toBe(100));
  await dying.die();
  const startedAt = performance.now();
  await living.permit(it.call(10, { deadlineMs: 60_000 }));
  expect(performance.now() - startedAt).toBeLessThan(lease.leaseMs + 3_000);
  await dying.limiter.close();
  expect(new Set(await Promise.all(calls))).toEqual(new Set(['lost']));
});

test('Claws that wait ask nothing until one is called, and then only that one', async () => {
  const all = await sharers(
    await limiters.open({ ...ONLY_CALLED, watchMs: 60_000 }),
    { requestsPerMinute: 1 },
    Array(12).fill(1),
  );
  const giveBack = await all[0]!.call();
  const rest = all.slice(1).map((one) => one.call().catch(() => undefined));
  await eventually(async () =>
    expect((await Promise.all(all.map((one) => one.waits()))).reduce((sum, one) => sum + one, 0)).toBe(11),
  );
  const scriptCalls = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await server.connect().info('commandstats'))?.[1] ?? 0);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const before = await scriptCalls();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect((await scriptCalls()) - before).toBe(0);
  await giveBack();
  await Promise.race(rest);
  await new Promise((resolve) => setTimeout(resolve, 100));
  // The settle, the grant, and the next in turn, which has a look and sets its clock.
  expect((await scriptCalls()) - before).toBeLessThanOrEqual(4);
  await limiters.closeAll();
  await Promise.all(rest);
});
