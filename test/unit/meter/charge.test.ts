import { expect, test } from 'vitest';
import { chargeOf } from '../../../cage-image/meter/charge.ts';

const usage = { inputTokens: 1, cachedTokens: 0, outputTokens: 1, reasoningTokens: 0, totalTokens: 2 };

test.each([
  ['an answer with usage', { tokens: 9, status: 200, usage }, 'reported'],
  ['an answer without', { tokens: 9, status: 200 }, 'full'],
  ['an error with usage', { tokens: 9, status: 500, usage }, 'reported'],
  ['a redirect', { tokens: 9, status: 302 }, 'request'],
  ['a refusal', { tokens: 9, status: 429 }, 'request'],
  ['an error of the provider', { tokens: 9, status: 503 }, 'full'],
  ['no answer at all', { tokens: 9 }, 'full'],
  ['what has no tokens', { tokens: 0, status: 200 }, 'request'],
  ['a broken answer of what has no tokens', { tokens: 0 }, 'request'],
  ['usage of what should have no tokens', { tokens: 0, status: 200, usage }, 'reported'],
] as const)('%s costs: %s', (_, outcome, charge) => {
  expect(chargeOf(outcome).charge).toBe(charge);
});
