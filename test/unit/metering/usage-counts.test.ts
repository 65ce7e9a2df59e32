import { expect, test } from 'vitest';
import { usageCounts } from '#metering/usage-counts.ts';

test('a full report becomes its counts', () => {
  const usage = {
    prompt_tokens: 100,
    completion_tokens: 40,
    total_tokens: 140,
    prompt_tokens_details: { cached_tokens: 64, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 30 },
  };
  expect(usageCounts(usage)).toEqual({
    inputTokens: 100,
    cachedTokens: 64,
    outputTokens: 40,
    reasoningTokens: 30,
    totalTokens: 140,
  });
});

test.each([
  [
    { prompt_tokens: 10, completion_tokens: 5 },
    { inputTokens: 10, outputTokens: 5, totalTokens: 15 },
  ],
  [
    { prompt_tokens: 10, total_tokens: 15 },
    { inputTokens: 10, outputTokens: 5, totalTokens: 15 },
  ],
  [
    { completion_tokens: 5, total_tokens: 15 },
    { inputTokens: 10, outputTokens: 5, totalTokens: 15 },
  ],
  [{ total_tokens: 15 }, { inputTokens: 15, outputTokens: 0, totalTokens: 15 }],
  [{ prompt_tokens: 10 }, { inputTokens: 10, outputTokens: 0, totalTokens: 10 }],
])('what is left out follows from the rest: %j', (usage, counts) => {
  expect(usageCounts(usage)).toMatchObject(counts);
});

test('the total is never below the sum, nor below what was reported', () => {
  expect(usageCounts({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 3 })?.totalTokens).toBe(15);
  expect(usageCounts({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 99 })?.totalTokens).toBe(99);
});

test.each([
  undefined,
  null,
  'x',
  {},
  [],
  { prompt_tokens: 'many' },
  { total_tokens: -1 },
  { total_tokens: 1.5 },
])('what reports nothing is no report: %j', (usage) => {
  expect(usageCounts(usage)).toBeUndefined();
});

test('details that make no sense do not spoil the counts', () => {
  const usage = {
    prompt_tokens: 10,
    completion_tokens: 5,
    prompt_tokens_details: null,
    completion_tokens_details: 'x',
  };
  expect(usageCounts(usage)).toMatchObject({ cachedTokens: 0, reasoningTokens: 0, totalTokens: 15 });
  expect(usageCounts({ prompt_tokens: 10, prompt_tokens_details: { cached_tokens: 50 } })?.cachedTokens).toBe(
    10,
  );
});
