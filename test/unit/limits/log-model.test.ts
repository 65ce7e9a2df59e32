import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogModel } from '#limits/log-model.ts';
import { SEND_WITHIN_MS, WINDOW_MS, WAY_MS } from '#limits/window.ts';

const LEVEL = { id: 'claw', kind: 'claw', tokensPerMinute: 100, requestsPerMinute: 5 } as const;
const ask = (call: string, tokens: number) =>
  ({
    call,
    task: 't',
    epoch: 1,
    fence: 1,
    line: 'claw',
    tokens,
    requests: 1,
    levels: [LEVEL],
    weight: 1,
    isPaused: false,
    leaseMs: 0,
    leftMs: 0,
    underWayMs: 86_400_000,
  }) as const;

/** One call as a meter may make it: asks at some time, sends within its deadline, arrives within the second, takes at most its bound. */
const call = fc.record({
  afterMs: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 40_000 })),
  reserved: fc.integer({ min: 1, max: 60 }),
  usedShare: fc.double({ min: 0, max: 1, noNaN: true }),
  sendAfterMs: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: SEND_WITHIN_MS })),
  wayMs: fc.integer({ min: 0, max: WAY_MS }),
  /** When the limiter hears of the sending and of the end; null: never. */
  heardSentMs: fc.option(fc.integer({ min: 0, max: 5_000 })),
  heardEndMs: fc.option(fc.integer({ min: 0, max: 70_000 })),
});

test('no window of 60 s at any offset receives more than the cap, whatever the meters do and whoever is not heard of', () => {
  fc.assert(
    fc.property(fc.array(call, { minLength: 5, maxLength: 60 }), (calls) => {
      const model = new LogModel();
      model.fence('t', 1, 1);
      const arrived: { at: number; tokens: number }[] = [];
      let pending: { at: number; tell: (now: number) => void }[] = [];
      let now = 0;
      for (const [index, one] of calls.entries()) {
        now += one.afterMs;
        for (const { at, tell } of pending.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at))
          tell(at);
        pending = pending.filter(({ at }) => at > now);
        const name = `c${index}`;
        if (model.permit(ask(name, one.reserved), now).kind !== 'granted') continue;
        const sent = now + one.sendAfterMs;
        const tokens = Math.floor(one.reserved * one.usedShare);
        arrived.push({ at: sent + one.wayMs, tokens });
        if (one.heardSentMs !== null) {
          const ago = one.heardSentMs;
          pending.push({ at: sent + ago, tell: (at) => void model.sent(name, ago, at) });
        }
        if (one.heardEndMs !== null) {
          pending.push({
            at: sent + one.wayMs + one.heardEndMs,
            tell: () => void model.settle(name, { tokens }),
          });
        }
      }
      for (const { at: start } of arrived) {
        const window = arrived.filter(({ at }) => at >= start && at < start + WINDOW_MS);
        expect(window.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(
          LEVEL.tokensPerMinute,
        );
        expect(window.length).toBeLessThanOrEqual(LEVEL.requestsPerMinute);
      }
    }),
    { numRuns: 300 },
  );
});

test('the cap can be used whole again and again: nothing is held for longer than it must', () => {
  const model = new LogModel();
  model.fence('t', 1, 1);
  for (let minute = 0; minute < 5; minute += 1) {
    const now = minute * 61_000;
    expect(model.permit(ask(`c${minute}`, 100), now).kind).toBe('granted');
    model.sent(`c${minute}`, 0, now);
  }
});
