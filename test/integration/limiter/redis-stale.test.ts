import { cpSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { limiterProbe } from '../../../orchestrator/status/readiness.ts';
import { freePort } from '../../support/free-port.ts';
import { ClawOfTest, Limiters } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';
import { SocketProxy } from '../../support/socket-proxy.ts';

/** Short enough to wait for the end of an entry; books that nobody writes to are kept four times as long. */
const LIFE = { sendWithinMs: 1_000, entryMs: 3_000, holdMs: 4_000 } as const;

/** Books that lack what was written last, put in the place of those that have it, under an orchestrator that goes on. */
let server: TestRedis;
let limiters: Limiters;
let it: ClawOfTest;

beforeEach(async () => {
  server = await TestRedis.start({ durable: true, port: await freePort() });
  limiters = new Limiters(server);
  it = new ClawOfTest(await limiters.open(LIFE), { tokensPerMinute: 100 });
  await it.fence();
});
afterEach(async () => {
  await limiters.closeAll();
  await server.stop();
});

/** Redis dies, and comes back with the log that it had before it was told what `since` does. */
async function backToBefore(since: () => Promise<unknown>): Promise<void> {
  const [log, before] = ['appendonlydir', 'before'].map((name) => join(server.folder, name)) as [
    string,
    string,
  ];
  cpSync(log, before, { recursive: true });
  await since();
  await server.kill();
  rmSync(log, { recursive: true });
  renameSync(before, log);
  await server.start();
}

const tokensIn = (redis: TestRedis): Promise<string | null> =>
  redis.connect().hget(`clawcage:default:{o1}:claw:${it.claw}:sum`, 'tokens');

/** The second of the two calls is what the books do not know: by them there is room for 40 more. */
async function expectClosed(since: number): Promise<void> {
  await expect.poll(() => it.limiter.isReady).toBe(true);
  await expect(it.limiter.permit(it.call(40))).rejects.toMatchObject({
    code: 'limiter_unavailable',
    details: { reason: expect.stringContaining('closed after a loss of Redis') },
  });
  const signal = new AbortController().signal;
  expect(await limiterProbe(it.limiter)(signal)).toMatch(/^closed for \d+ s more after a loss of Redis$/);
  const reasons: string[] = [];
  await it.limiter.permit(it.call(40, { deadlineMs: 20_000, onWaiting: (reason) => reasons.push(reason) }));
  expect(reasons).toEqual(['limiter closed after a loss of Redis']);
  // By then the call that was forgotten is out of every window.
  expect(performance.now() - since).toBeGreaterThan(LIFE.holdMs);
}

test('a failover to a replica that had not got the last writes is closed until these count no longer', async () => {
  const replica = await TestRedis.start({ port: await freePort() });
  await using link = await SocketProxy.to({ host: '127.0.0.1', port: server.port });
  try {
    await server.connect().config('SET', 'repl-diskless-sync-delay', '0');
    await replica.connect().replicaof('127.0.0.1', link.port);
    await expect.poll(() => replica.connect().info('replication')).toContain('master_link_status:up');
    await it.limiter.permit(it.call(60));
    expect(await server.connect().wait(1, 20_000)).toBe(1);
    await link.cut();
    await it.limiter.permit(it.call(40));
    const permittedAt = performance.now();

    await server.kill();
    await replica.connect().replicaof('NO', 'ONE');
    expect(await tokensIn(replica)).toBe('60');
    rmSync(server.socket, { force: true });
    symlinkSync(replica.socket, server.socket);
    await expectClosed(permittedAt);
  } finally {
    await limiters.closeAll();
    await replica.stop();
  }
});

test('a restart on the log of a while ago is closed until what it lacks counts no longer', async () => {
  let permittedAt = 0;
  await it.limiter.permit(it.call(60));
  await backToBefore(async () => {
    await it.limiter.permit(it.call(40));
    permittedAt = performance.now();
  });
  expect(await tokensIn(server)).toBe('60');
  await expectClosed(permittedAt);
});

test('after a restart on the log of a while ago calls that are over since are under way no longer, and those that are still hold their places', async () => {
  const other = new ClawOfTest(it.limiter, {});
  const standing = { levels: [{ level: 'claw', id: it.claw } as const], callsAtOnce: 3 };
  const state = () => it.limiter.standing(it.organisation, it.claw, standing);
  const call = (of: ClawOfTest, deadlineMs = 0) =>
    of.call(1, { claw: it.claw, standing: async () => standing, deadlineMs });
  const [settled, goesOn, ofEndedTask] = [call(it), call(it), call(other)];
  await other.fence();
  for (const one of [settled, goesOn, ofEndedTask]) await it.limiter.permit(one);
  await backToBefore(async () => {
    await it.limiter.settle(settled, { tokens: 1 });
    await other.limiter.forget(other.organisation, other.task);
    expect((await state()).inFlight).toBe(1);
  });
  await expect
    .poll(() =>
      state().then(
        ({ inFlight }) => inFlight,
        () => undefined,
      ),
    )
    .toBe(1);
  for (const _ of [1, 2]) await it.limiter.permit(call(it, 20_000));
  await expect(it.limiter.permit(call(it))).rejects.toMatchObject({ details: { limit: 'calls' } });
});
