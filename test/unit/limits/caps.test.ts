import { expect, test } from 'vitest';
import { capProblems, LARGEST_CAP, limitInTheWay, limitNeverMet } from '#limits/caps.ts';

test.each([
  {},
  { requestsPerMinute: 0 },
  { tokensPerMinute: LARGEST_CAP },
  { requestsPerMinute: 1, tokensPerMinute: 1 },
])('%j are caps', (caps) => {
  expect(capProblems(caps)).toEqual([]);
});

test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, LARGEST_CAP + 1, '10', null])(
  '%s is no cap, and the field is named',
  (value) => {
    expect(capProblems({ tokensPerMinute: value as number }).map(({ field }) => field)).toEqual([
      'tokensPerMinute',
    ]);
  },
);

test('a call that is larger than a cap never fits; one that is as large does', () => {
  expect(limitNeverMet({ tokensPerMinute: 10 }, { requests: 1, tokens: 11 })).toBe('tokens');
  expect(limitNeverMet({ tokensPerMinute: 10 }, { requests: 1, tokens: 10 })).toBeUndefined();
  expect(limitNeverMet({ requestsPerMinute: 0 }, { requests: 1, tokens: 0 })).toBe('requests');
  expect(limitNeverMet({}, { requests: 1, tokens: 1e9 })).toBeUndefined();
});

test('a cap may be used to its last token and no further', () => {
  const caps = { requestsPerMinute: 3, tokensPerMinute: 100 };
  expect(limitInTheWay(caps, { requests: 2, tokens: 90 }, { requests: 1, tokens: 10 })).toBeUndefined();
  expect(limitInTheWay(caps, { requests: 2, tokens: 90 }, { requests: 1, tokens: 11 })).toBe('tokens');
  expect(limitInTheWay(caps, { requests: 3, tokens: 0 }, { requests: 1, tokens: 1 })).toBe('requests');
});
