import { describe, expect, it } from 'vitest';
import { WaitingTimes } from '../../../orchestrator/reconcile/waiting-times.ts';

const T = 1_700_000_000_000;
const HOUR_MS = 3600_000;
const LIMIT_MS = 60_000;

/** A task accepted at T, looked at `ms` later by each clock; `stepMs`: what the machine's clock was set by since. */
function waiting(
  task: { createdAt?: Date; notBefore?: Date | null; retryWaitMs?: number | null; epoch?: number } = {},
) {
  const times = new WaitingTimes();
  const row = {
    id: 't',
    epoch: 0,
    createdAt: new Date(T),
    notBefore: null,
    retryWaitMs: null,
    limitMs: LIMIT_MS,
    ...task,
  };
  return (ms: number, stepMs = 0) =>
    times.over([row], { wallMs: T + ms + stepMs, steadyMs: T + ms }, 500_000 + ms).length > 0;
}

describe('a task that waits for too long', () => {
  it('is one that was accepted that long ago', () => {
    const isLate = waiting();
    expect([isLate(10), isLate(LIMIT_MS - 1), isLate(LIMIT_MS)]).toEqual([false, false, true]);
  });

  it('is found although this process has seen it just now', () => {
    expect(waiting()(LIMIT_MS + 1)).toBe(true);
  });

  it.each([HOUR_MS, -HOUR_MS])('waits as long where the clock is set by %d ms in between', (stepMs) => {
    const isLate = waiting();
    expect([
      isLate(10),
      isLate(20_000, stepMs),
      isLate(LIMIT_MS - 1, stepMs),
      isLate(LIMIT_MS, stepMs),
    ]).toEqual([false, false, false, true]);
  });

  it.each([HOUR_MS, -HOUR_MS])(
    'does not end at its first sight where the clock was set by %d ms before',
    (stepMs) => {
      expect(waiting()(5000, stepMs)).toBe(false);
    },
  );

  it('counts from the time that its caller wants it to begin', () => {
    const isLate = waiting({ notBefore: new Date(T + HOUR_MS) });
    expect([isLate(LIMIT_MS * 2), isLate(HOUR_MS + 1), isLate(HOUR_MS + LIMIT_MS + 1)]).toEqual([
      false,
      false,
      true,
    ]);
  });

  it('counts, as a retry, from when it went back to the queue', () => {
    const retry = waiting({
      createdAt: new Date(T - HOUR_MS),
      epoch: 1,
      notBefore: new Date(T + 30_000),
      retryWaitMs: 30_000,
    });
    expect([retry(1000), retry(LIMIT_MS - 1), retry(LIMIT_MS + 1)]).toEqual([false, false, true]);
  });

  it('is counted anew once it has begun an attempt', () => {
    const times = new WaitingTimes();
    const row = {
      id: 't',
      epoch: 0,
      createdAt: new Date(T),
      notBefore: null,
      retryWaitMs: null,
      limitMs: LIMIT_MS,
    };
    const now = { wallMs: T, steadyMs: T };
    times.over([row], now, 0);
    times.over([], now, 1000);
    expect(times.over([{ ...row, createdAt: new Date(T) }], now, LIMIT_MS + 5)).toEqual([]);
  });
});
