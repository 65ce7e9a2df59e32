import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { fenceOf } from '#task/fence.ts';
import type { Level, Standing } from '../../../orchestrator/limiter/permit-request.ts';
import { eventually } from '../../support/eventually.ts';
import { ClawOfTest, Limiters } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

let server: TestRedis;
let limiters: Limiters;

beforeAll(async () => {
  server = await TestRedis.start();
  limiters = new Limiters(server);
});
afterEach(async () => {
  await limiters.closeAll();
  await server.connect().flushall();
});
afterAll(() => server.stop());

/** A Claw whose standing the test changes as it goes. */
async function claw(first: Partial<Standing> = {}) {
  const it = new ClawOfTest(await limiters.open(), {});
  await it.fence();
  const levels: Level[] = [
    { level: 'claw', id: it.claw },
    { level: 'key', id: 'k1' },
    { level: 'organisation', id: 'o1' },
  ];
  let now: Standing = { levels, ...first };
  const withCaps = (level: Level['level'], caps: Partial<Level>): Level[] =>
    levels.map((one) => (one.level === level ? { ...one, ...caps } : one));
  return {
    it,
    withCaps,
    set: (standing: Partial<Standing>) => (now = { ...now, ...standing }),
    call: (tokens: number, more = {}) => it.call(tokens, { standing: async () => now, ...more }),
    standing: () => it.limiter.standing('o1', it.claw, now),
  };
}

test('a call waits while what is in force for it cannot be read, and is told so at its deadline', async () => {
  const { it, call } = await claw();
  const away = new CodedError('store_unavailable');
  let isAway = true;
  const reasons: string[] = [];
  const standing = async (): Promise<Standing> => {
    if (isAway) throw away;
    return { levels: [{ level: 'claw', id: it.claw }] };
  };
  const waits = { standing, deadlineMs: 20_000, onWaiting: (reason: string) => reasons.push(reason) };
  const permitted = it.limiter.permit(call(10, waits));
  await expect.poll(() => reasons).toEqual(['database unavailable']);
  await expect(it.limiter.permit(call(10, { standing, deadlineMs: 0 }))).rejects.toBe(away);
  isAway = false;
  await expect(permitted).resolves.toMatchObject({ granted: true });
  // What is for good is not waited for.
  const revoked = async (): Promise<Standing> => Promise.reject(new CodedError('key_revoked'));
  const refused = it.limiter.permit(call(10, { ...waits, standing: revoked }));
  await expect(refused).rejects.toMatchObject({ code: 'key_revoked' });
});

test('a permit tells what each level with caps counts, this call with it; a refusal as well', async () => {
  const { it, set, withCaps, call } = await claw();
  set({ levels: withCaps('key', { tokensPerMinute: 100 }) });
  const { levels } = await it.limiter.permit(call(60));
  expect(levels).toEqual([
    { level: 'key', id: 'k1', tokensPerMinute: 100, requests: 1, tokens: 60, emptyInMs: 91_000 },
  ]);
  await expect(it.limiter.permit(call(50))).rejects.toMatchObject({
    code: 'limit_exceeded',
    details: { level: 'key', limit: 'tokens' },
    levels: [{ level: 'key', requests: 1, tokens: 60 }],
  });
  await expect(it.limiter.permit(call(101))).rejects.toMatchObject({
    code: 'limit_never_fits',
    details: {
      level: 'key',
      limit: 'tokens',
      bound: 101,
      cap: 100,
      hint: expect.stringContaining('max_output_tokens'),
    },
  });
});

test('more calls at once than the Claw may have wait until one is over', async () => {
  const { it, call, standing } = await claw({ callsAtOnce: 1 });
  const first = call(1);
  await it.limiter.permit(first);
  const onWaiting = vi.fn();
  const second = it.limiter.permit(call(1, { deadlineMs: 20_000, onWaiting }));
  await eventually(() => expect(onWaiting).toHaveBeenCalledWith('claw calls'));
  expect(await standing()).toMatchObject({ inFlight: 1, waiting: 1, waitsFor: 'claw calls', freeInMs: null });
  await it.limiter.settle(first, {});
  await second;
});

test.each([
  ['the end of the task', (it: ClawOfTest) => it.limiter.forget('o1', it.task)],
  ['the end of its attempt', (it: ClawOfTest) => it.limiter.endAttempts('o1', it.task, fenceOf(2, 0))],
  ['a newer attempt', (it: ClawOfTest) => it.limiter.fence('o1', it.task, fenceOf(2, 1))],
])('calls that nobody settles are under way no longer after %s', async (_what, end) => {
  const { it, call, standing } = await claw({ callsAtOnce: 1 });
  await it.limiter.permit(call(1));
  await end(it);
  expect((await standing()).inFlight).toBe(0);
});

test('a key stays closed for an hour at most, whatever is said of it', async () => {
  const { it, standing } = await claw();
  await it.limiter.closeKey('o1', 'k1', Number.MAX_SAFE_INTEGER);
  const closedForMs = (await standing()).levels.find(({ level }) => level === 'key')?.closedForMs;
  expect(closedForMs).toBeGreaterThan(3_500_000);
  expect(closedForMs).toBeLessThanOrEqual(3_600_000);
});

test('a key that the provider closed gives no permits until then; another key goes on', async () => {
  const { it, set, withCaps, call, standing } = await claw();
  await it.limiter.closeKey('o1', 'k1', 60_000);
  const waiting = vi.fn();
  // It cannot live to see it open.
  await expect(it.limiter.permit(call(1, { deadlineMs: 30_000 }))).rejects.toMatchObject({
    code: 'limit_exceeded',
    details: { level: 'key', limit: 'provider', retryAfterMs: expect.closeTo(60_000, -4) },
  });
  const patient = it.limiter.permit(call(1, { deadlineMs: 90_000, onWaiting: waiting }));
  await eventually(() => expect(waiting).toHaveBeenCalledWith('key provider'));
  expect(await standing()).toMatchObject({ waitsFor: 'key provider', freeInMs: expect.closeTo(60_000, -4) });
  const other = await claw();
  other.set({ levels: other.withCaps('key', { id: 'k2' }) });
  await other.it.limiter.permit(other.call(1));
  // The word of a moment ago may have been about another call: a shorter one does not undo it.
  await Promise.all([60_000, 0].map((ms) => it.limiter.closeKey('o1', 'k1', ms)));
  expect((await standing()).levels[1]?.closedForMs).toBeGreaterThan(30_000);
  set({ levels: withCaps('key', { id: 'k3' }) });
  await patient;
});

test('what the provider said to a call counts once, and until it is settled: told again it closes no key that is open by then', async () => {
  const { it, call, standing } = await claw();
  const closedForMs = async () => (await standing()).levels[1]?.closedForMs;
  const [told, settled, other] = [call(1), call(1), call(1)];
  for (const one of [told, settled, other]) await it.limiter.permit(one);
  await it.limiter.settle(settled, {});
  await it.limiter.closeKey('o1', 'k1', 4_000, told);
  expect(await closedForMs()).toBeGreaterThan(0);
  await expect.poll(closedForMs).toBeNull();
  for (const late of [told, settled, call(1)]) await it.limiter.closeKey('o1', 'k1', 60_000, late);
  expect(await closedForMs()).toBeNull();
  await it.limiter.closeKey('o1', 'k1', 60_000, other);
  expect(await closedForMs()).toBeGreaterThan(30_000);
});

/** In tenths, each of them as late as whatever else this process waits for. */
async function aSecond(): Promise<void> {
  for (let tenth = 0; tenth < 10; tenth += 1) await pause(100);
}

test('a changed cap takes effect for a call that waits, within a second', async () => {
  const { it, set, withCaps, call } = await claw();
  set({ levels: withCaps('organisation', { tokensPerMinute: 50 }) });
  await it.limiter.permit(call(50));
  const onWaiting = vi.fn();
  const waiting = it.limiter.permit(call(40, { deadlineMs: 30_000, onWaiting }));
  await eventually(() => expect(onWaiting).toHaveBeenCalledWith('organisation tokens'));
  set({ levels: withCaps('organisation', { tokensPerMinute: 90 }) });
  expect(await Promise.race([waiting, aSecond()])).toMatchObject({ granted: true });
});

test('calls of a stopped Claw wait, and go on when it is deployed again', async () => {
  const { it, set, call } = await claw({ paused: 'claw stopped' });
  await expect(it.limiter.permit(call(1))).rejects.toMatchObject({
    code: 'limit_exceeded',
    details: { level: 'claw', limit: 'stopped' },
  });
  const onWaiting = vi.fn();
  const waiting = it.limiter.permit(call(1, { deadlineMs: 30_000, onWaiting }));
  await eventually(() => expect(onWaiting).toHaveBeenCalledWith('claw stopped'));
  set({ paused: undefined });
  await waiting;
});
