import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskView } from '#protocol/api.ts';
import { freePort } from '../support/free-port.ts';
import { TestRedis } from '../support/redis.ts';
import { containerOf } from '../support/nap.ts';
import { TestService } from '../support/service.ts';

/** Debian's libfaketime; ops/setup.sh --tests installs it. */
const LIBRARY = readdirSync('/usr/lib')
  .map((folder) => join('/usr/lib', folder, 'faketime/libfaketimeMT.so.1'))
  .find((file) => existsSync(file));
const HOUR_S = 3600;

const folder = mkdtempSync(join(tmpdir(), 'clawcage-clock-'));
const file = join(folder, 'clock');
let service: TestService;
let redis: TestRedis;

/** Sets the clock of the service, while it runs, so far off this machine's. */
const setClock = (seconds: number): void =>
  writeFileSync(file, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}\n`);

beforeAll(async () => {
  if (LIBRARY === undefined) throw new Error('libfaketime is not installed: make setup with --tests does it');
  setClock(0);
  redis = await TestRedis.start({ durable: true, port: await freePort() });
  service = await TestService.start({
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    // The limiter's clock is that of Redis, which is another process.
    CLAWCAGE_REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    CLAWCAGE_RECONCILE_MS: '400',
    CLAWCAGE_LEASE_MS: '3000',
  });
  await service.claw('worker', {
    concurrency: 6,
    timeoutMs: 60_000,
    retry: { attempts: 2, backoffMs: 6000 },
  });
  await service.claw('patient', { deploy: false, timeouts: { waitingMs: 120_000 } });
});
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const is = (task: string, wanted: (view: TaskView) => boolean, what: string) =>
  service.until(async () => wanted(await service.state(task)), what, 60_000);
const running = (task: string) => is(task, ({ state }) => state === 'running', 'the task to run');

const killCage = async (task: string) => (await containerOf(service, task)).remove({ force: true });

describe.each([
  ['an hour ahead', 'ahead', HOUR_S],
  ['an hour back', 'back', -HOUR_S],
])('a clock that is set %s', (_what, capped, stepS) => {
  it('changes nothing: not for what runs, waits, is tried again or asks for a permit', async () => {
    setClock(0);
    await service.claw(capped, { requestsPerMinute: 1 });
    const waits = await service.submit('patient', '@say no');
    await service.run(capped, '@say first');
    const permit = await service.submit(capped, '@say second');
    await is(permit, ({ waiting }) => waiting === 'permit: claw requests', 'a permit to be waited for');
    const runs = await service.submit('worker', '@wait 8s\n@say done');
    const again = await service.submit('worker', '@wait 12s\n@say done');
    await Promise.all([runs, again].map(running));
    const killedMs = performance.now();
    await killCage(again);
    await is(again, ({ state }) => state === 'queued', 'its way back');
    setClock(stepS);

    await is(again, ({ state }) => state !== 'queued', 'another attempt');
    const waitedMs = performance.now() - killedMs;
    expect(waitedMs).toBeGreaterThan(5000);
    expect(waitedMs).toBeLessThan(15_000);
    expect(await service.state(waits)).toMatchObject({ state: 'queued' });
    expect(await service.state(permit)).toMatchObject({ state: 'running', waiting: 'permit: claw requests' });
    for (const task of [waits, permit]) await service.ask('POST', `/api/v1/tasks/${task}/cancel`);
    expect((await service.result(runs)).task).toMatchObject({ state: 'succeeded', epoch: 1 });
    expect((await service.result(again)).task).toMatchObject({ state: 'succeeded', epoch: 2 });
    // Begun under the stepped clock, with capabilities that the gate checks by its own.
    const under = await service.run('worker', '@say under another clock');
    expect(under.answer).toBe('under another clock');
    const aheadMs = Date.parse(under.task.createdAt) - Date.now();
    expect(Math.abs(aheadMs - stepS * 1000)).toBeLessThan(60_000);
  });
});
