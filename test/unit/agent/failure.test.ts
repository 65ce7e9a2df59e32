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

/** As the meter answers in place of the provider. */
const ours = (status: number, code: string): APIError => api(status, code, { 'x-clawcage-error': code });

test.each<[name: string, code: string, error: unknown]>([
  ['401 of the provider', 'provider_unauthorized', api(401, 'invalid_api_key')],
  ['404 of the provider', 'model_unknown', api(404, 'model_not_found')],
  ['429 of the provider', 'provider_rate_limited', api(429, 'rate_limit_exceeded')],
  ['429 of our limiter', 'limit_exceeded', ours(429, 'limit_exceeded')],
  ['429 of a provider that uses our word', 'provider_rate_limited', api(429, 'limit_exceeded')],
  ['a call that the meter refused', 'meter_model_refused', ours(403, 'meter_model_refused')],
  ['503 of the provider', 'provider_failed', api(503, 'x')],
  ['400 of the provider', 'agent_failed', api(400, 'x')],
  ['no connection', 'provider_unreachable', new APIConnectionError({ message: 'x' })],
  ['a coded error', 'agent_step_limit', new CodedError('agent_step_limit')],
  ['anything else', 'agent_failed', new TypeError('x')],
])('%s is %s', (_, code, error) => {
  expect(failureOf(error).code).toBe(code);
});

test('the provider’s words come along, in short', () => {
  const { details } = failureOf(api(500, 'x'));
  expect(details?.['status']).toBe(500);
  expect(String(details?.['providerMessage']).length).toBeLessThanOrEqual(300);
});
