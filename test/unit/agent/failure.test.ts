import { APIConnectionError, APIError } from 'openai';
import { expect, test } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { failureOf } from '../../../cage-image/agent/failure.ts';

const api = (status: number, code: string, headers: Record<string, string> = {}): APIError =>
  APIError.generate(
    status,
    { error: { message: 'what the provider said '.repeat(50), code } },
    undefined,
    new Headers(headers),
  );

test.each<[string, unknown, string]>([
  ['401 of the provider', api(401, 'invalid_api_key'), 'provider_unauthorized'],
  ['404 of the provider', api(404, 'model_not_found'), 'model_unknown'],
  ['429 of the provider', api(429, 'rate_limit_exceeded'), 'provider_rate_limited'],
  [
    '429 of our limiter',
    api(429, 'limit_exceeded', { 'x-clawcage-error': 'limit_exceeded' }),
    'limit_exceeded',
  ],
  ['429 of a provider that uses our word', api(429, 'limit_exceeded'), 'provider_rate_limited'],
  [
    'a call that the meter refused',
    api(403, 'x', { 'x-clawcage-error': 'meter_model_refused' }),
    'meter_model_refused',
  ],
  ['503 of the provider', api(503, 'x'), 'provider_failed'],
  ['400 of the provider', api(400, 'x'), 'agent_failed'],
  ['no connection', new APIConnectionError({ message: 'x' }), 'provider_unreachable'],
  ['a coded error', new CodedError('agent_step_limit'), 'agent_step_limit'],
  ['anything else', new TypeError('x'), 'agent_failed'],
])('%s is %s', (_, error, code) => {
  expect(failureOf(error).code).toBe(code);
});

test('the provider’s words come along, in short', () => {
  const { details } = failureOf(api(500, 'x'));
  expect(details?.['status']).toBe(500);
  expect(String(details?.['providerMessage']).length).toBeLessThanOrEqual(300);
});
