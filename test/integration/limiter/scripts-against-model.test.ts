import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fenceOf } from '#task/fence.ts';
import { LogModel, type ModelAnswer, type ModelRequest } from '#limits/log-model.ts';
import { ENTRY_MS, SEND_WITHIN_MS } from '#limits/window.ts';
import { Scripts } from '../../../orchestrator/limiter/scripts.ts';
import { TestRedis } from '../../support/redis.ts';

/** The scripts under a clock that the test turns; nothing else of them is changed. */
const CLOCK = `local function clock() return tonumber(redis.call('GET', 'test:clock')) end`;
const START = 1_800_000_000_000;
const KEEP_MS = 86_400_000;

let server: TestRedis;
let redis: Redis;
const scripts = new Scripts(CLOCK);

beforeAll(async () => {
  server = await TestRedis.start();
  redis = server.connect();
});
afterAll(() => server.stop());

/** The scripts behind the same questions as the model's. */
class ScriptsInRedis {
  async reset(): Promise<void> {
    await redis.flushall();
    await redis.set('{o}:marker', 0);
  }

  at = (now: number): Promise<unknown> => redis.set('test:clock', now);

  fence = async (task: string, fence: number): Promise<number> =>
    Number(await this.#run('fence', [`{o}:fence:${task}`], [fence, KEEP_MS]));

  async permit(request: ModelRequest): Promise<ModelAnswer> {
    const keys = [
      '{o}:marker',
      `{o}:fence:${request.task}`,
      `{o}:call:${request.call}`,
      ...line(request.line),
      ...request.levels.flatMap(({ id }) => books(id)),
    ];
    const caps = request.levels.flatMap((level) => [
      level.requestsPerMinute ?? '',
      level.tokensPerMinute ?? '',
    ]);
    const asked = [request.call, request.fence, request.tokens, request.requests, request.leaseMs];
    return readReply(
      await this.#run('permit', keys, [...asked, SEND_WITHIN_MS, ENTRY_MS, KEEP_MS, 'room', ...caps]),
    );
  }

  async sent(call: string, agoMs: number): Promise<number> {
    return overrun(await this.#run('sent', [`{o}:call:${call}`], [agoMs, SEND_WITHIN_MS, ENTRY_MS, 'room']));
  }

  async settle(
    call: string,
    took: { tokens?: number | undefined; requests?: number | undefined },
  ): Promise<number> {
    const args = [took.tokens ?? '', took.requests ?? '', SEND_WITHIN_MS, ENTRY_MS, KEEP_MS, 'room'];
    return overrun(await this.#run('settle', [`{o}:call:${call}`], args));
  }

  withdraw = (call: string, lineId: string): Promise<unknown> =>
    this.#run('withdraw', line(lineId).slice(0, 2), [call, 'room']);

  async window(
    level: string,
    lineId: string,
  ): Promise<{ tokens: number; requests: number; waiting: number }> {
    const keys = [...books(level), ...line(lineId).slice(0, 2)];
    const [tokens, requests, waiting] = (await this.#run('window', keys, [KEEP_MS])) as [
      number,
      number,
      number,
    ];
    return { tokens, requests, waiting };
  }

  #run(name: Parameters<Scripts['run']>[1], keys: string[], args: (string | number)[]): Promise<unknown> {
    return scripts.run(redis, name, keys, args);
  }
}

const line = (id: string): string[] => [`{o}:${id}:queue`, `{o}:${id}:leases`, `{o}:${id}:tickets`];
const books = (id: string): string[] => [`{o}:${id}:log`, `{o}:${id}:sum`];
const overrun = (reply: unknown): number => (reply as [string, number | undefined])[1] ?? 0;

function readReply(reply: unknown): ModelAnswer {
  const [kind, first, limit, retryAfterMs, place] = reply as [
    ModelAnswer['kind'],
    number,
    'tokens',
    number,
    number,
  ];
  if (kind === 'granted') return { kind, sendWithinMs: first };
  if (kind === 'wait') return { kind, level: first, limit, retryAfterMs, place };
  if (kind === 'never') return { kind, level: first, limit };
  return { kind };
}

/** A takeover has a newer fence than the holder before, a new attempt a newer one than every holder of the last. */
const [FIRST, SECOND_HOLDER, SECOND_ATTEMPT] = [fenceOf(1, 900), fenceOf(1, 901), fenceOf(2, 1)];

const cap = fc.option(fc.constantFrom(0, 1, 3, 5), { nil: undefined, freq: 3 });
const tokenCap = fc.option(fc.integer({ min: 100, max: 400 }), { nil: undefined, freq: 5 });
/** Which of the calls seen so far, counted from the last. */
const which = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 8 }));
const agoMs = fc.oneof(
  fc.integer({ min: 0, max: 500 }),
  fc.constantFrom(29_999, 30_000, 30_001),
  fc.integer({ min: 0, max: 95_000 }),
);
const took = {
  tokens: fc.option(fc.integer({ min: 0, max: 160 }), { nil: undefined }),
  requests: fc.option(fc.constantFrom(0, 1), { nil: undefined }),
};
const fresh = {
  tokens: fc.integer({ min: 0, max: 120 }),
  requests: fc.constantFrom(1, 1, 1, 0, 2),
  fence: fc.constantFrom(FIRST, FIRST, FIRST, FIRST, FIRST, FIRST, SECOND_HOLDER, SECOND_ATTEMPT),
  waits: fc.boolean(),
};
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('permit' as const), ...fresh }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('again' as const), which, waits: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('sent' as const), which, agoMs }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const), which, ...took }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('withdraw' as const), which }) },
  // Exact lives and their neighbours, since the borders are where a log goes wrong.
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 9_000 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 4_999, 5_000, 29_999, 30_000, 30_001, 60_999, 61_000, 61_001, 90_999, 91_000),
    }),
  },
);
const scenario = fc.record({
  caps: fc.record({ claw: fc.tuple(cap, tokenCap), organisation: fc.tuple(cap, tokenCap) }),
  steps: fc.array(step, { minLength: 30, maxLength: 80 }),
  /** At which step another takes the attempt over, and at which the next one begins. */
  takeover: fc.integer({ min: 0, max: 300 }),
  retry: fc.integer({ min: 0, max: 300 }),
});

test('the scripts decide as the model does, step by step', { timeout: 60_000 }, async () => {
  const subject = new ScriptsInRedis();
  await fc.assert(
    fc.asyncProperty(scenario, async ({ caps, steps, takeover, retry }) => {
      const model = new LogModel();
      const calls: ModelRequest[] = [];
      const call = (nth: number): string => calls.at(-1 - nth)?.call ?? 'none';
      await subject.reset();
      let now = START;
      await subject.at(now);
      const fence = async (number: number): Promise<void> =>
        expect(await subject.fence('t', number)).toBe(model.fence('t', number));
      await fence(FIRST);
      for (const [index, action] of steps.entries()) {
        if (index === takeover) await fence(SECOND_HOLDER);
        if (index === retry) await fence(SECOND_ATTEMPT);
        if (action.do === 'pass') {
          now += action.ms;
          await subject.at(now);
        } else if (action.do === 'sent') {
          const name = call(action.which);
          expect(await subject.sent(name, action.agoMs)).toBe(model.sent(name, action.agoMs, now));
        } else if (action.do === 'settle') {
          const name = call(action.which);
          expect(await subject.settle(name, action)).toBe(model.settle(name, action));
        } else if (action.do === 'withdraw') {
          const waiter = calls.at(-1 - action.which);
          if (waiter) await subject.withdraw(waiter.call, waiter.line);
          if (waiter) model.withdraw(waiter.call);
        } else {
          const before = action.do === 'again' ? calls.at(-1 - action.which) : undefined;
          if (action.do === 'again' && !before) continue;
          const request = before ?? newRequest(action as Fresh, calls.length, caps);
          if (!before) calls.push(request);
          const asked = { ...request, leaseMs: action.waits ? 5_000 : 0 };
          expect(await subject.permit(asked)).toEqual(model.permit(asked, now));
        }
        // Looking drops what has expired; not after each step, so that the decisions do it too.
        for (const claw of index % 5 === 4 ? ['claw0', 'claw1'] : []) {
          const counted = { ...model.counted(claw, now), waiting: model.waiting(claw, now) };
          expect(await subject.window(claw, claw)).toEqual(counted);
        }
      }
    }),
    { numRuns: 300 },
  );
});

interface Fresh {
  readonly tokens: number;
  readonly requests: number;
  readonly fence: number;
}
type CapPair = [requests: number | undefined, tokens: number | undefined];

function newRequest(
  fresh: Fresh,
  count: number,
  caps: { claw: CapPair; organisation: CapPair },
): ModelRequest {
  const claw = `claw${count % 2}`;
  const level = (id: string, [requestsPerMinute, tokensPerMinute]: CapPair) => ({
    id,
    requestsPerMinute,
    tokensPerMinute,
  });
  return {
    call: `c${count}`,
    task: 't',
    fence: fresh.fence,
    line: claw,
    tokens: fresh.tokens,
    requests: fresh.requests,
    leaseMs: 0,
    levels: [level(claw, caps.claw), level('all', caps.organisation)],
  };
}

test('a clock that goes back does not make room', async () => {
  const subject = new ScriptsInRedis();
  await subject.reset();
  await subject.at(START);
  await subject.fence('t', FIRST);
  const ask = (call: string): Promise<ModelAnswer> =>
    subject.permit({
      call,
      task: 't',
      fence: FIRST,
      line: 'claw0',
      tokens: 10,
      requests: 1,
      leaseMs: 0,
      levels: [{ id: 'claw0', requestsPerMinute: 1 }],
    });
  expect(await ask('first')).toMatchObject({ kind: 'granted' });
  await subject.at(START - 3_600_000);
  expect(await ask('second')).toMatchObject({ kind: 'wait', limit: 'requests', retryAfterMs: 91_000 });
  // Told now that it was sent at once: it counts from the last moment that was seen, not from the hour before.
  await subject.sent('first', 0);
  await subject.at(START + 60_999);
  expect(await ask('second')).toMatchObject({ kind: 'wait', retryAfterMs: 1 });
  await subject.at(START + 61_000);
  expect(await ask('second')).toMatchObject({ kind: 'granted' });
});
