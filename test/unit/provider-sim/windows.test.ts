import { describe, expect, it } from 'vitest';
import { parseLimits, type Limits } from '../../../provider-sim/key-limits.ts';
import { ProviderError } from '../../../provider-sim/provider-error.ts';
import { Windows } from '../../../provider-sim/windows.ts';

const windows = (limits: Limits) => new Windows(() => limits);
/** Seconds after which the refused call is told to come back; undefined where it was let in. */
function refusedFor(all: Windows, tokens: number, atMs: number, key = 'a'): number | undefined {
  try {
    all.enter(key, tokens, 'm', atMs);
    return undefined;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return Number(error.headers['retry-after-ms']) / 1000;
  }
}

describe('the limits of a key', () => {
  it('let requests in again when the oldest has left the minute', () => {
    const all = windows({ requests: 2 });
    expect([refusedFor(all, 0, 0), refusedFor(all, 0, 20_000)]).toEqual([undefined, undefined]);
    expect(refusedFor(all, 0, 30_000)).toBe(30);
    expect(refusedFor(all, 0, 59_999)).toBeCloseTo(0.001, 6);
    expect(refusedFor(all, 0, 60_000)).toBeUndefined();
    expect(refusedFor(all, 0, 60_001)).toBeCloseTo(19.999, 6);
  });

  it('count a call with its prompt first and with all that it used in the end', () => {
    const all = windows({ tokens: 100 });
    const entry = all.enter('a', 10, 'm', 0);
    expect(entry.headers).toMatchObject({ 'x-ratelimit-remaining-tokens': '90' });
    entry.settle(95);
    expect(refusedFor(all, 6, 1000)).toBe(59);
    expect(refusedFor(all, 5, 1000)).toBeUndefined();
  });

  it('are not touched by what a call used that has left the minute meanwhile', () => {
    const all = windows({ tokens: 100 });
    const old = all.enter('a', 10, 'm', 0);
    all.enter('a', 1, 'm', 70_000);
    old.settle(1000);
    expect(refusedFor(all, 99, 70_001)).toBeUndefined();
  });

  it('are those of each key alone', () => {
    const all = windows({ requests: 1 });
    expect([refusedFor(all, 0, 0, 'a'), refusedFor(all, 0, 0, 'b')]).toEqual([undefined, undefined]);
    expect(refusedFor(all, 0, 1, 'b')).toBeDefined();
  });

  it('tell when all that counts will have left, to the millisecond, in words of OpenAI', () => {
    const all = windows({ requests: 2, tokens: 100 });
    expect(all.enter('a', 10, 'm', 0).headers).toMatchObject({
      'x-ratelimit-reset-requests': '1m0s',
      'x-ratelimit-reset-tokens': '1m0s',
    });
    expect(all.enter('a', 0, 'm', 10_000).headers).toMatchObject({
      'x-ratelimit-reset-requests': '1m0s',
      'x-ratelimit-reset-tokens': '50s',
    });
    expect(() => all.enter('a', 0, 'm', 59_980)).toThrow(
      expect.objectContaining({
        headers: expect.objectContaining({
          'retry-after-ms': '20',
          'x-ratelimit-remaining-requests': '0',
          'x-ratelimit-reset-requests': '10.02s',
          'x-ratelimit-reset-tokens': '20ms',
        }),
      }),
    );
  });

  it('have one form', () => {
    expect(parseLimits('requests=3,tokens=1000')).toEqual({ requests: 3, tokens: 1000 });
    expect(parseLimits('tokens=5')).toEqual({ tokens: 5 });
    expect(() => parseLimits('token=5')).toThrow('requests=N,tokens=N');
  });
});
