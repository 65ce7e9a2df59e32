import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { worstOf, type Arrival, type CapHistory } from '../../../bench/caps/checker.ts';
import { judge } from '../../../bench/caps/judge.ts';

const requests = (atMs: readonly number[], cap: number, windowMs: number): number =>
  worstOf(
    atMs.map((at) => ({ atMs: at, tokens: 1 })),
    [{ fromMs: 0, cap }],
    { windowMs, lagMs: 0, value: () => 1 },
  ).ratio;

/** Every arrival as the beginning of a window and every one as its last, each summed anew. */
function naive(arrivals: readonly Arrival[], caps: CapHistory, windowMs: number, lagMs: number): number {
  let worst = 0;
  for (const first of arrivals) {
    for (const last of arrivals) {
      if (last.atMs < first.atMs || last.atMs >= first.atMs + windowMs) continue;
      const used = arrivals
        .filter(({ atMs }) => atMs >= first.atMs && atMs <= last.atMs)
        .reduce((sum, { tokens }) => sum + tokens, 0);
      const inForce: number[] = [];
      for (let at = last.atMs - lagMs; at <= last.atMs; at += 1)
        inForce.push((caps.findLast(({ fromMs }) => fromMs <= at) ?? caps[0]!).cap!);
      // A cap holds until the very moment at which the next begins.
      inForce.push(
        ...caps.filter((_, at) => caps[at + 1]?.fromMs === last.atMs - lagMs).map(({ cap }) => cap!),
      );
      const cap = Math.max(...inForce);
      if (used > 0) worst = Math.max(worst, cap === 0 ? Infinity : used / cap);
    }
  }
  return worst;
}

describe('the judge of the caps', () => {
  it('takes two calls exactly a window apart for two windows, and a millisecond less for one', () => {
    expect(requests([0, 60_000], 1, 60_000)).toBe(1);
    expect(requests([0, 59_999], 1, 60_000)).toBe(2);
    expect(requests([5, 5, 5], 2, 60_000)).toBe(1.5);
  });

  it('finds what trying every window finds, over histories with caps that change', () => {
    const arrivals = fc.array(
      fc.record({ atMs: fc.integer({ min: 0, max: 300 }), tokens: fc.integer({ min: 0, max: 50 }) }),
      { maxLength: 25 },
    );
    const caps = fc
      .uniqueArray(
        fc.record({ fromMs: fc.integer({ min: 1, max: 300 }), cap: fc.integer({ min: 0, max: 100 }) }),
        { selector: ({ fromMs }) => fromMs, maxLength: 4 },
      )
      .map((later) => [{ fromMs: 0, cap: 60 }, ...later.toSorted((a, b) => a.fromMs - b.fromMs)]);
    fc.assert(
      fc.property(
        arrivals,
        caps,
        fc.constantFrom(20, 60, 100),
        fc.constantFrom(0, 7, 40),
        (calls, history, windowMs, lagMs) => {
          const found = worstOf(calls, history, { windowMs, lagMs, value: ({ tokens }) => tokens });
          expect(found.ratio).toBe(naive(calls, history, windowMs, lagMs));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('holds a lowered cap against the calls that were permitted after it, and no others', () => {
    const calls = [0, 10, 20, 30].map((atMs) => ({ atMs, tokens: 1 }));
    const caps = [
      { fromMs: 0, cap: 4 },
      { fromMs: 25, cap: 2 },
    ];
    const worst = (lagMs: number) => worstOf(calls, caps, { windowMs: 100, lagMs, value: () => 1 }).ratio;
    expect(worst(5)).toBe(1);
    expect(worst(4)).toBe(2);
  });

  it('names the level, the limit and whose window it was', () => {
    const calls = [
      { atMs: 0, tokens: 30, claw: 'a', key: 'k' },
      { atMs: 1, tokens: 30, claw: 'b', key: 'k' },
      { atMs: 2, tokens: 5, claw: null, key: 'k' },
    ];
    const cap = (value: number) => [{ fromMs: 0, cap: value }];
    const verdicts = judge(
      calls,
      {
        claw: { a: { tokens: cap(60) }, b: { requests: cap(1) } },
        key: { k: { requests: cap(2), tokens: cap(65) } },
        organisation: { tokens: cap(130) },
      },
      { windowMs: 60, lagMs: 0 },
    );
    expect(verdicts.map(({ level, limit, id, ratio }) => [level, limit, id, ratio])).toEqual([
      ['claw', 'requests', 'b', 1],
      ['claw', 'tokens', 'a', 0.5],
      ['key', 'requests', 'k', 1.5],
      ['key', 'tokens', 'k', 1],
      ['organisation', 'requests', null, 0],
      ['organisation', 'tokens', 'organisation', 0.5],
    ]);
  });
});
