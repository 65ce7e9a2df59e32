import { expect, test } from 'vitest';
import { chargeOf } from '../../../cage-image/meter/charge.ts';

const usage = { inputTokens: 1, cachedTokens: 0, outputTokens: 1, reasoningTokens: 0, totalTokens: 2 };

test.each([
  ['an answer with usage', { kind: 'chat', status: 200, usage }, 'reported'],
  ['an answer without', { kind: 'chat', status: 200 }, 'full'],
  ['an error with usage', { kind: 'chat', status: 500, usage }, 'reported'],
  ['a redirect', { kind: 'chat', status: 302 }, 'request'],
  ['a refusal', { kind: 'chat', status: 429 }, 'request'],
  ['an error of the provider', { kind: 'chat', status: 503 }, 'full'],
  ['no answer at all', { kind: 'chat' }, 'full'],
  ['a list of models', { kind: 'models', status: 200 }, 'request'],
  ['a broken list of models', { kind: 'models' }, 'request'],
] as const)('%s costs: %s', (_, outcome, charge) => {
  expect(chargeOf(outcome).charge).toBe(charge);
});
