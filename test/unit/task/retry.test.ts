import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryDelayMs, type FailedAttempt } from '#task/retry.ts';

const policy = { attempts: 3, backoffMs: 1000, maxBackoffMs: 3000, idempotent: false };
const failed = (change: Partial<FailedAttempt> & { code?: string; status?: number } = {}): FailedAttempt => ({
  error: { code: change.code ?? 'cage_died', ...(change.status && { details: { status: change.status } }) },
  epoch: 1,
  handedOver: true,
  acted: false,
  ...change,
});

describe('another attempt', () => {
  it('follows a failure that may not come again, until they are used up', () => {
    for (const code of ['cage_died', 'provider_unreachable', 'provider_rate_limited', 'task_orphaned'])
      expect(retryDelayMs(policy, failed({ code }), 0)).toBe(1000);
    expect(retryDelayMs(policy, failed({ epoch: 2 }), 0)).toBe(2000);
    expect(retryDelayMs(policy, failed({ epoch: 3 }), 0)).toBeUndefined();
    expect(retryDelayMs({ ...policy, attempts: 1 }, failed(), 0)).toBeUndefined();
  });

  it('does not follow what would be the same again', () => {
    for (const code of ['agent_failed', 'cage_unproven', 'internal', 'of another version'])
      expect(retryDelayMs(policy, failed({ code }), 0)).toBeUndefined();
    expect(retryDelayMs(policy, failed({ code: 'provider_failed', status: 400 }), 0)).toBeUndefined();
    expect(retryDelayMs(policy, failed({ code: 'provider_failed', status: 503 }), 0)).toBe(1000);
  });

  it('follows what may have happened only before the agent had its task', () => {
    expect(retryDelayMs(policy, failed({ code: 'runtime_timeout' }), 0)).toBeUndefined();
    expect(retryDelayMs(policy, failed({ code: 'runtime_timeout', handedOver: false }), 0)).toBe(1000);
  });

  it('does not follow one that acted, but where that is allowed', () => {
    expect(retryDelayMs(policy, failed({ acted: true }), 0)).toBeUndefined();
    expect(retryDelayMs({ ...policy, idempotent: true }, failed({ acted: true }), 0)).toBe(1000);
  });

  it('waits twice as long each time up to the longest, less a tenth at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 19 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (epoch, chance) => {
          const delayMs = retryDelayMs({ ...policy, attempts: 20 }, failed({ epoch }), chance)!;
          const fullMs = Math.min(3000, 1000 * 2 ** (epoch - 1));
          expect(delayMs).toBeLessThanOrEqual(fullMs);
          expect(delayMs).toBeGreaterThanOrEqual(Math.floor(fullMs * 0.9));
        },
      ),
    );
  });
});
