import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { afterAttempt, retryAfterMs } from '../../../orchestrator/webhooks/schedule.ts';

const now = new Date('2026-01-01T00:00:00Z');
const waitMs = (attempts: number, answer: Parameters<typeof afterAttempt>[0] = { status: 500 }) => {
  const { nextAt } = afterAttempt(answer, attempts, now);
  return nextAt && nextAt.getTime() - now.getTime();
};

describe('a failed attempt', () => {
  it('is followed by the next after 5 s, 30 s, 2 min, 10 min, 1 h, 6 h, and then by none', () => {
    expect([1, 2, 3, 4, 5, 6, 7].map((attempts) => waitMs(attempts))).toEqual([
      5_000,
      30_000,
      120_000,
      600_000,
      3_600_000,
      21_600_000,
      null,
    ]);
    expect(afterAttempt({ status: 500 }, 7, now)).toMatchObject({ state: 'failed', lastStatus: 500 });
  });

  it('waits for what the receiver asks, a day at most, and never less than its own time', () => {
    expect(waitMs(1, { status: 503, retryAfterMs: 60_000 })).toBe(60_000);
    expect(waitMs(1, { status: 503, retryAfterMs: 1 })).toBe(5_000);
    expect(waitMs(1, { status: 503, retryAfterMs: 1e12 })).toBe(24 * 3600_000);
  });

  it('without a status says why, and ends where the gate would refuse for ever', () => {
    expect(afterAttempt({ error: new CodedError('webhook_unreachable') }, 1, now)).toMatchObject({
      state: 'waiting',
      lastStatus: null,
      lastError: 'webhook_unreachable',
    });
    const refused = { error: new CodedError('gate_address_denied') };
    expect(afterAttempt(refused, 1, now)).toMatchObject({ state: 'failed' });
  });
});

it('2xx is delivered, 3xx and 4xx are not, 410 is the end', () => {
  const states = [200, 202, 301, 404, 410].map((status) => afterAttempt({ status }, 1, now).state);
  expect(states).toEqual(['delivered', 'delivered', 'waiting', 'waiting', 'failed']);
});

it('retry-after is seconds or a date', () => {
  expect(retryAfterMs('120', 0)).toBe(120_000);
  expect(retryAfterMs('Thu, 01 Jan 2026 00:00:10 GMT', now.getTime())).toBe(10_000);
  expect(retryAfterMs('Thu, 01 Jan 2026 00:00:10 GMT', now.getTime() + 60_000)).toBe(0);
  expect([retryAfterMs('soon', 0), retryAfterMs(undefined, 0)]).toEqual([undefined, undefined]);
});
