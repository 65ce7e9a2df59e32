import { describe, expect, test } from 'vitest';
import { CLOCK_UNKNOWN, Trust } from '../../../orchestrator/limiter/trust.ts';

/** Of Redis' clock; ours begins at 0. */
const EPOCH = 1_800_000_000_000;

function trustAt(lastIdentity?: string) {
  let now = 0;
  const trust = new Trust({
    closeMs: 91_000,
    lastIdentity,
    believesClock: false,
    now: () => now,
    write: () => undefined,
  });
  /** Redis was asked what its clock says, and answered so much later. */
  const told = (tookMs: number): void => {
    const askedAt = now;
    now += tookMs;
    trust.timeTold(EPOCH + now, askedAt, now);
  };
  return { trust, told, pass: (ms: number) => (now += ms) };
}

const LOST = (seconds: number): string => `closed for ${seconds} s more after a loss of Redis`;
const STEPPED = (seconds: number): string => `closed for ${seconds} s more after Redis' clock was set`;

describe('at a start it is', () => {
  test('open where there were no books before, or the same: by their name, or the run id that earlier releases wrote', () => {
    for (const last of [undefined, 'run.history.name.0', 'run']) {
      const { trust, told } = trustAt(last);
      trust.identified('run.history.name.0', undefined);
      told(20);
      expect(trust.reason()).toBeUndefined();
    }
  });

  test('closed for the longest life of an entry where they are others, or nothing is known of a time before', () => {
    for (const last of ['other', 'ru', 'set aside', 'closed', `closed ${EPOCH + 40_000} other`]) {
      const { trust, told } = trustAt(last);
      trust.identified('run.history.name.0', undefined);
      told(20);
      expect(trust.reason()).toBe(LOST(91));
    }
  });

  test('closed for the rest of the time for which these very books were, by their own clock, once that is known', () => {
    const { trust, told } = trustAt(`closed ${EPOCH + 40_000} run`);
    trust.identified('run', undefined);
    expect(trust.reason()).toBe(LOST(91));
    told(2_000);
    expect(trust.reason()).toBe(LOST(89));
    told(20);
    expect(trust.reason()).toBe(LOST(38));
  });

  test('never closed for longer, whatever was written', () => {
    const { trust, told } = trustAt(`closed ${EPOCH + 3_600_000} run`);
    trust.identified('run', undefined);
    told(20);
    expect(trust.reason()).toBe(LOST(91));
  });

  test('closed for the whole time where that clock was set meanwhile', () => {
    const { trust, told } = trustAt(`closed ${EPOCH + 40_000} run`);
    trust.identified('run', undefined);
    trust.aheadOfClock();
    told(20);
    expect(trust.reason()).toBe(STEPPED(91));
  });
});

test('a clock that is set closes for the longest life of an entry, and is not to be judged by for as long again', () => {
  const { trust, told, pass } = trustAt();
  const judged = () => trust.argument().split(':').slice(3);
  told(20);
  expect([trust.reason(), judged()]).toEqual([undefined, ['0', '0']]);
  trust.timeTold(EPOCH + 61_000, 20, 30);
  expect([trust.reason(), judged()]).toEqual([STEPPED(91), ['0', '1']]);
  pass(91_000);
  expect([trust.reason(), judged()]).toEqual([undefined, ['1', '1']]);
  pass(91_000);
  expect(judged()).toEqual(['1', '0']);
});

describe('that Redis answers too late is told', () => {
  test('until its clock is known by an answer in time', () => {
    const { trust, told } = trustAt();
    for (const tookMs of [300, 2_000]) {
      told(tookMs);
      expect([trust.knowsClock, trust.reason()]).toEqual([false, CLOCK_UNKNOWN]);
    }
    told(20);
    expect([trust.knowsClock, trust.reason()]).toEqual([true, undefined]);
  });

  test('after a question that came too late, until one does not', () => {
    const { trust, told, pass } = trustAt();
    told(20);
    trust.cameLate(true);
    pass(1_000);
    expect(trust.reason()).toBe(CLOCK_UNKNOWN);
    trust.cameLate(false);
    expect(trust.reason()).toBeUndefined();
  });

  test('for five seconds where nobody asks again', () => {
    const { trust, told, pass } = trustAt();
    told(20);
    trust.cameLate(true);
    pass(4_999);
    expect(trust.reason()).toBe(CLOCK_UNKNOWN);
    pass(1);
    expect(trust.reason()).toBeUndefined();
  });

  test('but not in place of why it is closed', () => {
    const { trust, told } = trustAt();
    told(20);
    trust.opening.lost();
    trust.cameLate(true);
    expect(trust.reason()).toBe(LOST(91));
  });
});

test('a decision is asked for between the moments at which the clock can stand, a quarter of a second to each side', () => {
  const { trust, told, pass } = trustAt();
  told(20);
  pass(980);
  const [, earliest, latest, waited, stepped] = trust.argument().split(':');
  expect(Number(latest) - Number(earliest)).toBeGreaterThanOrEqual(520);
  expect(Number(latest) - Number(earliest)).toBeLessThan(530);
  expect(Math.abs(Number(earliest) - (EPOCH + 750))).toBeLessThan(25);
  expect([waited, stepped]).toEqual(['0', '0']);
});
