import { expect, test } from 'vitest';
import { providerResetMs } from '../../../cage-image/meter/provider-reset.ts';
import { durationOf, durationText, RateLimits } from '../../../cage-image/meter/rate-limits.ts';

const NOW = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');
const used = (dimension: string, remaining: string, reset: string) => ({
  [`x-ratelimit-remaining-${dimension}`]: remaining,
  [`x-ratelimit-reset-${dimension}`]: reset,
});

test.each([
  ['milliseconds before seconds', { 'retry-after-ms': '1500', 'retry-after': '9' }, 1_500],
  ['seconds', { 'retry-after': '7' }, 7_000],
  ['a date', { 'retry-after': 'Wed, 21 Oct 2026 07:28:09 GMT' }, 9_000],
  [
    'a date by the clock of who tells it',
    { 'retry-after': 'Wed, 21 Oct 2026 08:00:05 GMT', date: 'Wed, 21 Oct 2026 08:00:00 GMT' },
    5_000,
  ],
  ['what is used up', { ...used('requests', '0', '1m23.5s'), ...used('tokens', '7', '6m0s') }, 83_500],
  ['the later of two', { ...used('requests', '0', '120ms'), ...used('tokens', '0', '6m0s') }, 360_000],
  ['more than an hour', { 'retry-after': '86400' }, 3_600_000],
  ['nothing that is used up', used('tokens', '7', '6m0s'), undefined],
  ['a date that is over', { 'retry-after': 'Wed, 21 Oct 2026 07:00:00 GMT' }, undefined],
  ['no number', { 'retry-after-ms': 'NaN', 'retry-after': '-3' }, undefined],
  ['nothing', {}, undefined],
])('a 429 that says %s', (_, headers, expected) => {
  expect(providerResetMs(429, headers, '{}', NOW)).toBe(expected);
});

test('where no waiting helps there is no time, nor for other answers', () => {
  const headers = { 'retry-after': '7' };
  expect(providerResetMs(429, headers, '{"error":{"code":"insufficient_quota"}}')).toBeUndefined();
  expect(providerResetMs(429, headers, '{"error":{"type":"insufficient_quota"}}')).toBeUndefined();
  expect(providerResetMs(503, headers, '{}')).toBeUndefined();
});

test.each([
  [0, '0s'],
  [0.2, '1ms'],
  [120, '120ms'],
  [1_000, '1s'],
  [83_500, '1m23.5s'],
  [360_000, '6m0s'],
  [3_600_000, '1h0m0s'],
])('%d ms are written %s, and read back', (ms, text) => {
  expect(durationText(ms)).toBe(text);
  expect(durationOf(text)).toBe(Math.ceil(ms));
});

test('before the first decision the caps alone are told; then what is left, whose reset runs down and is never negative', () => {
  const limits = new RateLimits({ tokensPerMinute: 1_000 });
  expect(limits.headers()).toEqual({ 'x-ratelimit-limit-tokens': '1000' });
  limits.heard({ requests: { limit: 5, remaining: 3, resetMs: 0 } });
  limits.heard(undefined);
  expect(limits.headers()).toEqual({
    'x-ratelimit-limit-requests': '5',
    'x-ratelimit-remaining-requests': '3',
    'x-ratelimit-reset-requests': '0s',
  });
});
