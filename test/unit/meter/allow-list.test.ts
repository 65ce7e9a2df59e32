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
    '/responses',
    '/responses/input_tokens',
    '/embeddings',
    '/images/generations',
    '/images/edits',
    '/audio/speech',
    '/audio/transcriptions',
    '/audio/translations',
    '/moderations',
    '/files',
  ])('lets POST /v1%s pass', (path) => {
    expect(allowedCall('POST', `/v1${path}?x=y`)).toMatchObject({ path });
  });

  test('lets single files pass: to be described, read and deleted', () => {
    expect(allowedCall('GET', '/v1/files?limit=3')).toMatchObject({ kind: 'file_list' });
    expect(allowedCall('GET', '/v1/files/file-a')).toMatchObject({ kind: 'file', file: 'file-a' });
    expect(allowedCall('GET', '/v1/files/file-a/content')).toMatchObject({ kind: 'file_content' });
    expect(allowedCall('DELETE', '/v1/files/file-a')).toMatchObject({
      kind: 'file_delete',
      path: '/files/file-a',
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
    ['PUT', '/v1/files'],
    ['GET', '/v1/files/../models'],
    ['GET', '/v1/files/a%2Fb'],
    ['GET', '/v1/files/a/content/'],
    ['DELETE', '/v1/files/a/content'],
    ['POST', '/v1/files/a'],
    ['POST', '/v1/constructor'],
    ['GET', '/v1/responses/resp_1'],
    ['DELETE', '/v1/responses/resp_1'],
    ['POST', '/v1/responses/resp_1/cancel'],
    ['POST', '/v1/responses/compact'],
    ['POST', '/v1/audio/voices'],
    ['POST', '/v1/images/variations'],
    ['GET', '/v1/chat/completions/c'],
    ['POST', '/v1/organization/admin_api_keys'],
    ['POST', '/chat/completions'],
    ['', ''],
  ])('refuses %s %s', (method, url) => {
    expect(() => allowedCall(method, url)).toThrow(expect.objectContaining({ code: 'meter_call_refused' }));
  });

  test.each([
    ['/chat/completions', 'ends in /v1'],
    ['/v1/responses/resp_1', 'not stored'],
    ['/v1/batches', 'spends tokens after its answer'],
    ['/v1/fine_tuning/jobs', 'spends tokens after its answer'],
    ['/v1/evals', 'spends tokens after its answer'],
    ['/v1/assistants', 'POST /v1/responses'],
    ['/v1/threads/t/runs', 'POST /v1/responses'],
    ['/v1/conversations', 'POST /v1/responses'],
    ['/v1/vector_stores', 'POST /v1/embeddings'],
    ['/v1/realtime/client_secrets', 'never pass'],
    ['/v1/organization/admin_api_keys', 'never pass'],
    ['/v1/projects', 'never pass'],
    ['/v1/images/variations', '/v1/images/edits'],
    ['/v1/completions', '/v1/chat/completions'],
    ['/v1/uploads', '/v1/files'],
    ['/v1/containers', 'in the cage'],
    ['/v1/skills', 'in the cage'],
    ['/v1/videos', '/v1/images/generations'],
    ['/v1/telepathy', 'What passes'],
  ])('says of %s what to use instead', (path, hint) => {
    const detail = { details: expect.objectContaining({ instead: expect.stringContaining(hint) }) };
    expect(() => allowedCall('POST', path)).toThrow(expect.objectContaining(detail));
  });
});
