import { describe, expect, test } from 'vitest';
import { allowedCall } from '../../../cage-image/meter/allow-list.ts';

describe('the allow-list', () => {
  test('lets chat completions and models pass, whatever the query', () => {
    expect(allowedCall('POST', '/v1/chat/completions')).toEqual({ kind: 'chat', path: '/chat/completions' });
    expect(allowedCall('GET', '/v1/models?limit=2')).toEqual({ kind: 'models', path: '/models' });
    expect(allowedCall('GET', '/v1/models/ft:gpt-4o:us::x')).toMatchObject({ model: 'ft:gpt-4o:us::x' });
    expect(allowedCall('GET', '/v1/models/org%2FLlama-3')).toEqual({
      kind: 'model',
      model: 'org/Llama-3',
      path: '/models/org%2FLlama-3',
    });
  });

  test.each([
    ['GET', '/v1/chat/completions'],
    ['post', '/v1/chat/completions'],
    ['POST', '/v1/chat/completions/'],
    ['POST', '/v1//chat/completions'],
    ['POST', '/V1/chat/completions'],
    ['POST', '/v1/chat%2Fcompletions'],
    ['POST', '/v1/models/../chat/completions'],
    ['POST', 'http://api.openai.com/v1/chat/completions'],
    ['DELETE', '/v1/models/ft:x'],
    ['GET', '/v1/models/..'],
    ['GET', '/v1/models/%2e%2e/organization'],
    ['GET', '/v1/models/../organization/admin_api_keys'],
    ['GET', '/v1/models/a%00b'],
    ['GET', '/v1/models/%E0%A4%A'],
    ['GET', '/v1/models/'],
    ['GET', '/v1/files'],
    ['POST', '/v1/responses'],
    ['POST', '/v1/organization/admin_api_keys'],
    ['POST', '/chat/completions'],
    ['', ''],
  ])('refuses %s %s', (method, url) => {
    expect(() => allowedCall(method, url)).toThrow(expect.objectContaining({ code: 'meter_call_refused' }));
  });

  test('says what to use instead', () => {
    const instead = (url: string): unknown => {
      try {
        return allowedCall('POST', url);
      } catch (error) {
        return (error as { details: { instead: string } }).details.instead;
      }
    };
    expect(instead('/v1/responses')).toContain('/v1/chat/completions');
    expect(instead('/chat/completions')).toContain('/v1');
    expect(instead('/v1/batches')).toContain('spends tokens after its answer');
  });
});
