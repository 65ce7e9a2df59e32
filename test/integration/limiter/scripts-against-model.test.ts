import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fenceOf } from '#task/fence.ts';
import { LogModel, type ModelRequest } from '#limits/log-model.ts';
import { TestRedis } from '../../support/redis.ts';
import { History } from './scripts-under-test.ts';

const START = 1_800_000_000_000;
/** `CLAWCAGE_HISTORIES=100000 vitest run --project integration test/integration/limiter/scripts-against-model.test.ts` is the long form; with `CLAWCAGE_SEED` it is the same ones again. */
const HISTORIES = Number(process.env.CLAWCAGE_HISTORIES ?? 1_000);
const SEED = process.env.CLAWCAGE_SEED === undefined ? {} : { seed: Number(process.env.CLAWCAGE_SEED) };

let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await TestRedis.start();
  redis = server.connect();
  await History.load(redis);
});
afterAll(() => server.stop());

const cap = fc.option(fc.constantFrom(0, 1, 2, 3, 5, 5, 8), { nil: undefined, freq: 3 });
const tokenCap = fc.option(fc.integer({ min: 60, max: 400 }), { nil: undefined, freq: 5 });
const caps = fc.tuple(cap, tokenCap);
/** Which of the calls seen so far, counted from the last. */
const which = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 8 }));
const agoMs = fc.oneof(
  fc.integer({ min: 0, max: 500 }),
  fc.constantFrom(29_999, 30_000, 30_001),
  fc.integer({ min: 0, max: 95_000 }),
);
const leaseMs = fc.constantFrom(0, 5_000, 5_000, 20_000, 95_000);
const leftMs = fc.constantFrom(0, 10_000, 40_000, 200_000);
const is = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name);
const step = fc.oneof(
  {
    weight: 7,
    arbitrary: fc.record({
      do: is('permit'),
      claw: fc.nat({ max: 3 }),
      tokens: fc.integer({ min: 0, max: 120 }),
      requests: fc.constantFrom(1, 1, 1, 0, 2),
      underWayMs: fc.constantFrom(30_000, 95_000, 86_400_000),
      attempt: fc.constantFrom(0, 0, 0, 0, 0, 1, 2),
      leaseMs,
      leftMs,
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: is('again'), which, leaseMs, leftMs }) },
  { weight: 3, arbitrary: fc.record({ do: is('sent'), which, agoMs }) },
  { weight: 2, arbitrary: fc.record({ do: is('extend'), which }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: is('settle'),
      which,
      tokens: fc.option(fc.integer({ min: 0, max: 160 }), { nil: undefined }),
      requests: fc.option(fc.constantFrom(0, 1), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: is('withdraw'), which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: is('close'),
      key: fc.nat({ max: 1 }),
      ms: fc.constantFrom(0, 300, 5_000, 20_000, 60_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: is('caps'), level: fc.nat({ max: 6 }), caps }) },
  { weight: 1, arbitrary: fc.record({ do: is('pause'), claw: fc.nat({ max: 3 }) }) },
  // Exact lives and their neighbours, since the borders are where a log goes wrong.
  { weight: 5, arbitrary: fc.record({ do: is('pass'), ms: fc.integer({ min: 1, max: 9_000 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: is('pass'),
      ms: fc.constantFrom(
        1,
        999,
        1_000,
        4_999,
        5_000,
        29_999,
        30_000,
        30_001,
        60_000,
        60_999,
        61_000,
        91_000,
      ),
    }),
  },
);
const scenario = fc.record({
  /** Of four Claws, two keys and the organisation. */
  caps: fc.array(caps, { minLength: 7, maxLength: 7 }),
  weights: fc.array(fc.constantFrom(1, 1, 2, 4), { minLength: 4, maxLength: 4 }),
  callsAtOnce: fc.array(fc.constantFrom(undefined, undefined, 1, 3), { minLength: 4, maxLength: 4 }),
  steps: fc.array(step, { minLength: 20, maxLength: 60 }),
  /** At which step another takes the attempt over, the next one begins, and the task is forgotten. */
  turns: fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 200 }), fc.nat({ max: 400 })),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** A takeover has a newer fence than the holder before, a new attempt a newer one than every holder of the last. */
const FENCES = [fenceOf(1, 900), fenceOf(1, 901), fenceOf(2, 1)] as const;
const EPOCHS = [1, 1, 2] as const;
const idOf = (level: number): string => (level < 4 ? `claw${level}` : level < 6 ? `key${level - 4}` : 'all');

function play({ caps: firstCaps, weights, callsAtOnce, steps, turns }: Scenario, history: History): void {
  const model = new LogModel();
  const caps = [...firstCaps];
  const isPaused = [false, false, false, false];
  const calls: {
    claw: number;
    tokens: number;
    requests: number;
    attempt: number;
    underWayMs: number;
    name: string;
  }[] = [];
  let now = START;
  history.at(now);
  const agree = <T>(expected: T): ((actual: T) => void) => {
    return (actual) => {
      // The comparison that can tell what differs is slow.
      if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
    };
  };
  const fence = (attempt: 0 | 1 | 2): void => {
    for (const task of ['t0', 't1', 't2', 't3'])
      history.fence(
        task,
        FENCES[attempt],
        EPOCHS[attempt],
        agree(model.fence(task, FENCES[attempt], EPOCHS[attempt])),
      );
  };
  const levelsOf = (claw: number): ModelRequest['levels'] =>
    [claw, 4 + (claw % 2), 6].map((level) => ({
      id: idOf(level),
      kind: level < 4 ? 'claw' : level < 6 ? 'key' : 'organisation',
      requestsPerMinute: caps[level]![0],
      tokensPerMinute: caps[level]![1],
    }));
  fence(0);
  for (const [index, action] of steps.entries()) {
    if (index === turns[0]) fence(1);
    if (index === turns[1]) fence(2);
    if (index === turns[2]) {
      history.forget('t0');
      model.forget('t0');
    }
    const before = 'which' in action ? calls.at(-1 - action.which) : undefined;
    if (action.do === 'pass') history.at((now += action.ms));
    else if (action.do === 'caps') caps[action.level] = action.caps;
    else if (action.do === 'pause') isPaused[action.claw] = !isPaused[action.claw];
    else if (action.do === 'close') {
      const key = idOf(4 + action.key);
      history.close(key, action.ms, agree(model.closeKey(key, action.ms, now)));
    } else if (action.do === 'sent') {
      const name = before?.name ?? 'none';
      history.sent(name, action.agoMs, agree(model.sent(name, action.agoMs, now)));
    } else if (action.do === 'extend') {
      const name = before?.name ?? 'none';
      history.extend(name, agree(model.extend(name, now)));
    } else if (action.do === 'settle') {
      const name = before?.name ?? 'none';
      history.settle(name, action, agree(model.settle(name, action)));
    } else if (action.do === 'withdraw') {
      if (before) history.withdraw(before.name, idOf(before.claw));
      if (before) model.withdraw(before.name, now);
    } else {
      if (action.do === 'again' && !before) continue;
      if (action.do === 'permit') {
        const { claw, tokens, requests, attempt, underWayMs } = action;
        const name = `t${claw}:${EPOCHS[attempt as 0 | 1 | 2]}:c${calls.length}`;
        calls.push({ claw, tokens, requests, attempt, underWayMs, name });
      }
      const call = before ?? calls.at(-1)!;
      const attempt = call.attempt as 0 | 1 | 2;
      const request: ModelRequest = {
        call: call.name,
        task: `t${call.claw}`,
        epoch: EPOCHS[attempt],
        fence: FENCES[attempt],
        line: idOf(call.claw),
        tokens: call.tokens,
        requests: call.requests,
        levels: levelsOf(call.claw),
        weight: weights[call.claw]!,
        callsAtOnce: callsAtOnce[call.claw],
        isPaused: isPaused[call.claw]!,
        leaseMs: action.leaseMs,
        leftMs: action.leftMs,
        underWayMs: call.underWayMs,
      };
      history.permit(request, agree(model.permit(request, now)));
    }
    // Looking drops what has expired; not after each step, so that the decisions do it too.
    for (const claw of index % 7 === 6 ? [0, 1] : []) {
      const levels = levelsOf(claw);
      const expected = levels.flatMap(({ id }, nth) => {
        const { requests, tokens } = model.counted(id, now);
        const waiting = nth === 0 ? Math.min(1, model.waiting(idOf(claw), now)) : model.clawsWaiting(id, now);
        return [requests, tokens, waiting];
      });
      const line = idOf(claw);
      history.standing(
        line,
        levels,
        agree([model.inFlight(line, now), model.waiting(line, now), ...expected]),
      );
    }
  }
}

test(`the scripts decide as the model does, in ${HISTORIES} histories`, { timeout: 1_800_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (history) => {
      const subject = new History(redis);
      play(history, subject);
      await subject.compare();
    }),
    { numRuns: HISTORIES, ...SEED },
  );
});

test('a clock that goes back does not make room', async () => {
  const history = new History(redis);
  const ask = (call: string, expected: object): void =>
    history.permit(
      {
        call,
        task: 't',
        epoch: 1,
        fence: FENCES[0],
        line: 'claw0',
        tokens: 10,
        requests: 1,
        leaseMs: 0,
        leftMs: 0,
        underWayMs: 1000,
        weight: 1,
        isPaused: false,
        levels: [{ id: 'claw0', kind: 'claw', requestsPerMinute: 1 }],
      },
      (answer) => expect(answer).toMatchObject(expected),
    );
  history.at(START);
  history.fence('t', FENCES[0], 1, (newest) => expect(newest).toBe(FENCES[0]));
  ask('first', { kind: 'granted' });
  history.at(START - 60_000);
  ask('second', { kind: 'wait', limit: 'requests', retryAfterMs: 91_000 });
  // Told now that it was sent at once: it counts from the last moment that was seen, not from the minute before.
  history.sent('first', 0, (overrun) => expect(overrun).toBe(0));
  history.at(START + 60_999);
  ask('second', { kind: 'wait', retryAfterMs: 1 });
  history.at(START + 61_000);
  ask('second', { kind: 'granted' });
  await history.compare();
});
