import { describe, expect, it } from 'vitest';
import { bar, gauge } from '../../../cli/terminal/bars.ts';
import { cap, capGiven } from '../../../cli/terminal/cap-option.ts';
import { ago, capsOf, capUse, count, seconds, until } from '../../../cli/terminal/words.ts';
import { wrapped } from '../../../cli/terminal/wrap.ts';

const AT = '2026-11-21T12:00:00.000Z';
const NOW = Date.parse(AT);

describe('words of the command line', () => {
  it('tell spans in figures that fit, never sixty seconds of a minute', () => {
    expect([0, 310, 9_994, 9_999, 12_400, 59_940, 59_960, 60_000, 185_000, 119_700].map(seconds)).toEqual([
      '0.00 s',
      '0.31 s',
      '9.99 s',
      '10.0 s',
      '12.4 s',
      '59.9 s',
      '1 min 00 s',
      '1 min 00 s',
      '3 min 05 s',
      '2 min 00 s',
    ]);
  });

  it('group the digits of numbers by blanks', () => {
    expect([0, 999, 1000, 1_234_567].map(count)).toEqual(['0', '999', '1 000', '1 234 567']);
  });

  it('say how long ago something was, and how long until it is, in the largest unit that fits', () => {
    const shifted = (s: number) => new Date(NOW + s * 1000).toISOString();
    expect([0, -59, -60, -3_599, -3_600, -86_399, -86_400, 5].map((s) => ago(shifted(s), NOW))).toEqual([
      '0 s ago',
      '59 s ago',
      '1 min ago',
      '59 min ago',
      '1 h ago',
      '23 h ago',
      '1 d ago',
      '0 s ago',
    ]);
    expect([-5, 0, 1, 59, 60, 3_600].map((s) => until(shifted(s), NOW))).toEqual([
      'now',
      'now',
      '1 s',
      '59 s',
      '1 min',
      '1 h',
    ]);
  });

  it('name caps, and where there are none', () => {
    expect(capUse({ used: 120, limit: 6000 })).toBe('120 of 6 000');
    expect(capUse({ used: 1200, limit: null })).toBe('1 200, no cap');
    expect(capsOf({ tokensPerMinute: 60_000, requestsPerMinute: 0 })).toBe(
      '60 000 tokens/min, 0 requests/min',
    );
    expect(capsOf({ tokensPerMinute: null, requestsPerMinute: null })).toBe('none');
  });

  it('take a cap as a whole number or none, and nothing else', () => {
    expect(['0', '60000', 'none'].map((text) => capGiven(cap()(text)))).toEqual([0, 60_000, null]);
    for (const text of ['', '-1', '1.5', '1e3', '2000000000', 'None', ' 5'])
      expect(() => cap()(text), text).toThrow('whole number');
    expect(() => cap(1)('0')).toThrow('1 or more');
  });
});

describe('lines of the command line', () => {
  it('break between words within the width, and not at all where there is none', () => {
    expect(wrapped('one two three four', 16, 2)).toEqual(['one two three', 'four']);
    expect(wrapped('one two three four', undefined, 2)).toEqual(['one two three four']);
    expect(wrapped('unbreakablelongword next', 12, 0)).toEqual(['unbreakablelongword', 'next']);
  });

  it('draw what is not nothing as at least something, and the whole as the whole', () => {
    expect([bar(0, 10, 4), bar(0.001, 10, 4), bar(5, 10, 4), bar(10, 10, 4)]).toEqual([
      '',
      '▏',
      '██',
      '████',
    ]);
    expect([gauge(0, 0, 2), gauge(0, 3, 2)]).toEqual(['[██]', '[··]']);
  });
});
