import { expect, test } from 'vitest';
import { Opening } from '../../../orchestrator/limiter/opening.ts';

const HOLD_MS = 91_000;
const opening = (): { it: Opening; pass: (ms: number) => void } => {
  let now = 5_000;
  return {
    it: new Opening(
      HOLD_MS,
      () => now,
      () => undefined,
    ),
    pass: (ms) => (now += ms),
  };
};

test('what Redis was told before it was closed again counts for nothing: it is told anew', () => {
  const { it } = opening();
  const { closings } = it;
  it.stepped();
  it.marked('o1', closings);
  expect(it.isMarked('o1')).toBe(false);
  it.marked('o1', it.closings);
  expect(it.isMarked('o1')).toBe(true);
  it.lost();
  expect(it.isMarked('o1')).toBe(false);
});

test('each loss closes for the whole of the time, from then on', () => {
  const { it, pass } = opening();
  expect(it.reason()).toBeUndefined();
  it.lost();
  pass(90_000);
  expect(it.reason()).toBe('closed for 1 s more after a loss of Redis');
  it.stepped();
  pass(90_999);
  expect(it.reason()).toBe("closed for 1 s more after Redis' clock was set");
  expect(it.hasWaited).toBe(false);
  pass(1);
  expect(it.reason()).toBeUndefined();
  expect(it.hasWaited).toBe(true);
});
