import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode } from '#errors/table.ts';
import { retryDelayMs, sparedDelayMs, sparedReason, type FailedAttempt } from '#task/retry.ts';

const policy = { attempts: 3, backoffMs: 1000, maxBackoffMs: 3000, idempotent: false };
const failed = (change: Partial<FailedAttempt> & { code?: string; status?: number } = {}): FailedAttempt => ({
  error: { code: change.code ?? 'cage_died', ...(change.status && { details: { status: change.status } }) },
  attempts: 1,
  handedOver: true,
  acted: false,
  ...change,
});

describe('another attempt', () => {
  it('follows a failure that may not come again, until they are used up', () => {
    for (const code of ['cage_died', 'provider_unreachable', 'provider_rate_limited', 'task_orphaned'])
      expect(retryDelayMs(policy, failed({ code }), 0)).toBe(1000);
    expect(retryDelayMs(policy, failed({ attempts: 2 }), 0)).toBe(2000);
    expect(retryDelayMs(policy, failed({ attempts: 3 }), 0)).toBeUndefined();
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
          const delayMs = retryDelayMs({ ...policy, attempts: 20 }, failed({ attempts: epoch }), chance)!;
          const fullMs = Math.min(3000, 1000 * 2 ** (epoch - 1));
          expect(delayMs).toBeLessThanOrEqual(fullMs);
          expect(delayMs).toBeGreaterThanOrEqual(Math.floor(fullMs * 0.9));
        },
      ),
    );
  });
});

describe('an attempt that does not count', () => {
  it('is one that the machine cut short before the agent had its task; the next waits 30 s at most, and never longer than the one after it', () => {
    for (const code of [
      'runtime_unavailable',
      'runtime_full',
      'gate_unavailable',
      'limiter_unavailable',
      'lease_lost',
    ]) {
      expect(sparedReason(failed({ code, handedOver: false })), code).toBeTypeOf('string');
      expect(sparedReason(failed({ code })), code).toBeUndefined();
    }
    for (const code of ['cage_died', 'cage_start_failed', 'key_revoked', 'of another version'])
      expect(sparedReason(failed({ code, handedOver: false })), code).toBeUndefined();
    fc.assert(
      fc.property(fc.nat(100_000), fc.double({ min: 0, max: 0.999, noNaN: true }), (spared, chance) => {
        const delayMs = sparedDelayMs(spared, chance);
        expect(delayMs).toBeGreaterThanOrEqual(spared === 0 ? 0 : 900);
        expect(delayMs).toBeLessThanOrEqual(spared === 0 ? 0 : 30_000);
        expect(sparedDelayMs(spared + 1, chance)).toBeGreaterThanOrEqual(delayMs);
      }),
    );
  });
});

describe('of every code of the table', () => {
  const code = fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[]));
  const wish = fc.record({
    attempts: fc.integer({ min: 1, max: 12 }),
    backoffMs: fc.integer({ min: 0, max: 100_000 }),
    maxBackoffMs: fc.integer({ min: 0, max: 3_600_000 }),
    idempotent: fc.boolean(),
  });
  const reached = fc.record({ handedOver: fc.boolean(), acted: fc.boolean() });
  const chance = fc.double({ min: 0, max: 0.999, noNaN: true });

  it('one that is final is never tried again, and one that may have happened not once the agent had its task', () => {
    fc.assert(
      fc.property(code, wish, reached, chance, (each, policy, how, luck) => {
        const delayMs = retryDelayMs(policy, failed({ code: each, ...how }), luck);
        const { verdict } = ERRORS[each];
        if (verdict === 'final' || (verdict === 'unknown' && how.handedOver) || each === 'internal')
          expect(delayMs).toBeUndefined();
        if (how.acted && !policy.idempotent) expect(delayMs).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });

  it('there are no more attempts than the policy has, and their waits together are no longer than it lets each be', () => {
    fc.assert(
      fc.property(fc.array(code, { minLength: 12, maxLength: 12 }), wish, chance, (codes, policy, luck) => {
        let attempts = 1;
        let waitedMs = 0;
        for (;;) {
          const error = { code: codes[attempts - 1]! };
          const delayMs = retryDelayMs(policy, { ...failed(), error, attempts, handedOver: false }, luck);
          if (delayMs === undefined) break;
          expect(delayMs).toBeLessThanOrEqual(policy.maxBackoffMs);
          waitedMs += delayMs;
          attempts++;
        }
        expect(attempts).toBeLessThanOrEqual(policy.attempts);
        expect(waitedMs).toBeLessThanOrEqual((policy.attempts - 1) * policy.maxBackoffMs);
      }),
    );
  });
});
