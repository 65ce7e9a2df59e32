import { describe, expect, it } from 'vitest';
import { untilDueMs } from '#task/due.ts';

const HOUR_MS = 3600_000;
const at = (ms: number) => new Date(ms);
const T = 1_700_000_000_000;

describe('when a waiting task may begin', () => {
  it.each([
    ['at once, without a time', null, null, 0, 0],
    ["at the caller's time, by the machine's clock", T + 5000, null, 0, 5000],
    ["at the caller's time, also where that clock was set forward", T + 5000, null, HOUR_MS, 0],
    ['a retry, after its wait', T + 5000, 30_000, 0, 5000],
    ['a retry, after its wait, also where the clock was set forward', T + 5000, 30_000, HOUR_MS, 5000],
    ['a retry, after its wait, also where it was set back', T + 5000, 30_000, -HOUR_MS, 5000],
    ['a retry of a process whose clock was ahead: at once', T + HOUR_MS + 5000, 30_000, 0, 0],
    ['a retry whose time is over', T - 1, 30_000, 0, 0],
  ])('%s', (_what, notBefore, retryWaitMs, stepMs, expected) => {
    const due = { notBefore: notBefore === null ? null : at(notBefore), retryWaitMs };
    expect(untilDueMs(due, { wallMs: T + stepMs, steadyMs: T })).toBe(expected);
  });
});
