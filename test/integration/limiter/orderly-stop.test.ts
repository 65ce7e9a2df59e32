import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLimiter } from '../../../orchestrator/compose/open-limiter.ts';
import type { Limiter } from '../../../orchestrator/limiter/limiter.ts';
import { LIMITER_RUN_ID } from '../../../orchestrator/store/settings-store.ts';
import { ClawOfTest } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

let server: TestRedis;
let written: Map<string, unknown>;
let starts: AsyncDisposableStack[];

beforeEach(async () => {
  server = await TestRedis.start({ durable: true });
  written = new Map();
  starts = [];
});
afterEach(async () => {
  for (const start of starts) await start.disposeAsync();
  await server.stop();
});

/** A service on this Redis, with what the one before it wrote down. */
async function start(redis: { pid?: undefined; lostBooks?: boolean } = {}) {
  const undo = new AsyncDisposableStack();
  starts.push(undo);
  const limiter = await openLimiter(
    {
      install: 'i',
      holdMs: 91_000,
      redis: { connect: () => server.connect(), pid: 1, lostBooks: false, ...redis },
      settings: {
        get: async (name) => written.get(name),
        set: async (name, value) => void written.set(name, value),
      },
    },
    undo,
  );
  return { limiter, stop: () => undo.disposeAsync() };
}

/** One that has given a permit. */
async function startAndPermit(redis: { pid?: undefined } = {}) {
  const service = await start(redis);
  await permit(service.limiter);
  return service;
}

/** Well within the time for which it is closed where it is, and enough for a machine that is busy. */
const PATIENT = { timeout: 20_000 };

async function permit(limiter: Limiter): Promise<unknown> {
  const it = new ClawOfTest(limiter, { tokensPerMinute: 100 });
  await expect.poll(() => limiter.isReady, PATIENT).toBe(true);
  await it.fence();
  return await limiter.permit(it.call(100, { deadlineMs: PATIENT.timeout }));
}

async function expectClosed(limiter: Limiter): Promise<void> {
  await expect.poll(() => limiter.closedReason, PATIENT).toMatch(/^closed for \d+ s more/);
  expect(limiter.isOpen).toBe(false);
}

async function restartRedis(): Promise<void> {
  await server.kill();
  await server.start();
}

test('after an orderly stop of both, the next start opens at once', async () => {
  const first = await startAndPermit();
  await first.stop();
  await restartRedis();
  const next = await start();
  await permit(next.limiter);
  expect(next.limiter.isOpen).toBe(true);
});

test('after a crash it is closed, and so is one that starts when an orderly stop ended that', async () => {
  await startAndPermit();
  await restartRedis();
  for (const _ of ['after the crash', 'after the stop']) {
    const next = await start();
    await expectClosed(next.limiter);
    await next.stop();
    expect(written.get(LIMITER_RUN_ID)).toMatch(/^closed/);
    await restartRedis();
  }
});

test('a start that ends before it has seen its books lets the next one open no sooner', async () => {
  await startAndPermit();
  await restartRedis();
  const broken = await start();
  await broken.stop();
  await expectClosed((await start()).limiter);
});

test('nor does a stop while Redis is gone', async () => {
  const first = await startAndPermit();
  await server.kill();
  await expect.poll(() => first.limiter.isReady, PATIENT).toBe(false);
  await first.stop();
  await server.start();
  await expectClosed((await start()).limiter);
});

test('a Redis that is not ours goes on without us: its books are known again, and another start of it is seen', async () => {
  const given = { pid: undefined };
  await (await startAndPermit(given)).stop();
  const next = await start(given);
  await permit(next.limiter);
  await next.stop();
  await restartRedis();
  await expectClosed((await start(given)).limiter);
});

test('books that could not be read after an orderly stop close it', async () => {
  await (await startAndPermit()).stop();
  await restartRedis();
  await expectClosed((await start({ lostBooks: true })).limiter);
});
