import { describe, expect, it } from 'vitest';
import { afterStart, FIRST_INTAKE, slowFromMs, type IntakeState } from '../../../orchestrator/room/intake.ts';
import { isShort, memoryWanted } from '../../../orchestrator/room/threshold.ts';

const MIB = 1024 * 1024;

/** The limit after each of these starts, each of which began under the limit of then. */
function limits(starts: readonly number[], from: IntakeState = FIRST_INTAKE): number[] {
  let state = from;
  return starts.map((ms) => {
    state = afterStart(state, { ms, limitThen: state.limit });
    return state.limit;
  });
}

describe('how many cages are started at once', () => {
  it.each([
    ['stays where the engine keeps up', [500, 900, 2900], [4, 4, 4]],
    ['is halved by each slow start, down to one', [3000, 9000, 30_000, 30_000], [2, 1, 1, 1]],
    [
      'goes up by one after as many good starts as it says',
      [9000, 9000, 600, 600, 600, 600, 600, 600],
      [2, 1, 2, 2, 3, 3, 3, 4],
    ],
    ['begins to count good starts anew after a slow one', [9000, 600, 9000, 600], [2, 2, 1, 2]],
  ])('%s', (_what, starts, expected) => {
    expect(limits(starts)).toEqual(expected);
  });

  it('is cut once by the slow starts of one crowd', () => {
    let state = FIRST_INTAKE;
    for (let start = 0; start < 4; start++) state = afterStart(state, { ms: 8000, limitThen: 4 });
    expect(state.limit).toBe(2);
  });

  it('follows what is usual for this engine: where starts take 2 s, 5 s are not slow', () => {
    let state = FIRST_INTAKE;
    for (let start = 0; start < 60; start++) state = afterStart(state, { ms: 2000, limitThen: 4 });
    expect(slowFromMs(state)).toBeGreaterThan(7500);
    expect(afterStart(state, { ms: 5000, limitThen: 4 }).limit).toBe(4);
  });
});

describe('an engine that is always slow', () => {
  it('is usual after a while, and gets as many starts at once as any', () => {
    let state = FIRST_INTAKE;
    for (let start = 0; start < 60; start++) state = afterStart(state, { ms: 6000, limitThen: state.limit });
    expect(state.limit).toBe(4);
  });
});

describe('what is too little', () => {
  it.each([
    ['below the least', false, 99, true],
    ['at the least', false, 100, false],
    ['once short, until there is a quarter more', true, 163, true],
    ['enough again', true, 165, false],
  ])('%s', (_what, wasShort, freeMiB, short) => {
    expect(isShort(wasShort, freeMiB * MIB, 100 * MIB)).toBe(short);
  });

  it('is nothing where nothing has to be left', () => {
    expect(isShort(false, 0, 0)).toBe(false);
  });

  it('does not keep a cage from starting for ever whose limit is above what the machine has', () => {
    expect(memoryWanted(64_000, 1000)).toBe(500);
    expect(memoryWanted(300, 1000)).toBe(300);
  });
});
