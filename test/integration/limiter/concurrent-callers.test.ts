import { afterAll, beforeAll, expect, test } from 'vitest';
import { fenceOf } from '#task/fence.ts';
import { ClawOfTest, Limiters } from '../../support/limiter.ts';
import { TestRedis } from '../../support/redis.ts';

/** A call is sent 60 ms after its permit, or some seconds later on a machine that is busy. */
const TIMES = { sendWithinMs: 3_000, entryMs: 1_000 };
const CAPS = { tokensPerMinute: 1_000, requestsPerMinute: 8 };

let server: TestRedis;
let limiters: Limiters;
beforeAll(async () => {
  server = await TestRedis.start();
  limiters = new Limiters(server);
});
afterAll(async () => {
  await limiters.closeAll();
  await server.stop();
});

interface Arrival {
  /** Monotonic time of this process, which is every caller's. */
  readonly at: number;
  readonly tokens: number;
}

/** The provider's view: knows nothing of reservations, only what arrived when and how much it was. */
function worstWindow(arrivals: readonly Arrival[], windowMs: number): { tokens: number; requests: number } {
  let [tokens, requests] = [0, 0];
  for (const { at } of arrivals) {
    const within = arrivals.filter((other) => other.at >= at && other.at < at + windowMs);
    tokens = Math.max(
      tokens,
      within.reduce((sum, one) => sum + one.tokens, 0),
    );
    requests = Math.max(requests, within.length);
  }
  return { tokens, requests };
}

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test(
  'three orchestrators with many callers at once never let more arrive than the cap, and use it well',
  { timeout: 50_000 },
  async () => {
    const orchestrators = await Promise.all([1, 2, 3].map(() => limiters.open(TIMES)));
    const it = new ClawOfTest(orchestrators[0]!, CAPS);
    await Promise.all(orchestrators.map((limiter) => limiter.fence('o1', it.task, fenceOf(1, 1))));
    const arrivals: Arrival[] = [];
    let overrun = 0;

    const makeCall = async (index: number): Promise<void> => {
      const limiter = orchestrators[index % 3]!;
      const reserved = 20 + ((index * 97) % 300);
      const call = it.call(reserved, { deadlineMs: 45_000 });
      await limiter.permit(call);
      await later(index % 5 === 0 ? 60 : 1);
      const tokens = Math.ceil(reserved / (1 + (index % 3)));
      const sentAt = performance.now();
      arrivals.push({ at: sentAt, tokens });
      // One in nine is never heard of again; the others are heard of late.
      if (index % 9 === 0) return;
      await later(index % 7);
      overrun += (await limiter.sent(call, performance.now() - sentAt)).overrunTokens;
      await later(index % 40);
      overrun += (await limiter.settle(call, { tokens })).overrunTokens;
    };
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 90 }, (_, index) => makeCall(index)));
    const tookMs = performance.now() - startedAt;

    expect(arrivals).toHaveLength(90);
    const worst = worstWindow(arrivals, TIMES.entryMs - 2);
    expect(worst.tokens).toBeLessThanOrEqual(CAPS.tokensPerMinute);
    expect(worst.requests).toBeLessThanOrEqual(CAPS.requestsPerMinute);
    expect(overrun).toBe(0);
    // Not by being slow: at 8 calls a window, 90 take twelve windows, and the ten unheard ones hold their places for as long as they might be sent.
    expect(worst.requests).toBe(CAPS.requestsPerMinute);
    const heldMs = 90 * TIMES.entryMs + 10 * TIMES.sendWithinMs;
    expect(tookMs).toBeLessThan((2.25 * heldMs) / CAPS.requestsPerMinute);
  },
);

test('the checker sees a window that is too full', () => {
  const arrivals = [0, 100, 399, 400].map((at) => ({ at, tokens: 10 }));
  expect(worstWindow(arrivals, 400)).toEqual({ tokens: 30, requests: 3 });
  expect(worstWindow(arrivals, 401)).toEqual({ tokens: 40, requests: 4 });
});
