import { expect, it } from 'vitest';
import { PromptCache } from '../../../provider-sim/prompt-cache.ts';
import type { Prompt } from '../../../provider-sim/prompt.ts';

const prompt = (...texts: string[]): Prompt => ({
  model: 'm',
  messages: texts.map((content) => ({ role: 'user', content })),
});
const long = 'word '.repeat(4000);

it('the same prompt is cached as far as whole steps go, a shorter one never', () => {
  const cache = new PromptCache();
  expect(cache.cachedTokens('k', prompt(long), 4010)).toBe(0);
  expect(cache.cachedTokens('k', prompt(long), 4010)).toBe(31 * 128);
  expect(cache.cachedTokens('k', prompt('short'), 900)).toBe(0);
  expect(cache.cachedTokens('k', prompt('short'), 900)).toBe(0);
});

it('a conversation that goes on has its beginning cached, one that begins otherwise has nothing', () => {
  const cache = new PromptCache();
  cache.cachedTokens('k', prompt(long), 4010);
  const cached = cache.cachedTokens('k', prompt(long, long), 8020);
  expect(cached).toBeGreaterThan(3500);
  expect(cached).toBeLessThanOrEqual(4010);
  expect(cache.cachedTokens('k', prompt('!', long), 4012)).toBe(0);
  expect(cache.cachedTokens('other', prompt(long), 4010)).toBe(0);
});
