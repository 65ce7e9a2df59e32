import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorReply, KeyView } from '#protocol/api.ts';
import { LIMITS } from '#protocol/api.ts';
import { TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await TestService.start({ CLAWCAGE_WARM_SPARES: '0' });
  await service.claw('worker', { deploy: false });
});
afterAll(() => service[Symbol.asyncDispose]());

const refused = async (
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; code: string; text: string }> => {
  const { status, body: answer } = await service.call<ErrorReply>(method, path, body);
  expect(answer.error.requestId).toMatch(/^req_/);
  return { status, code: answer.error.code, text: JSON.stringify(answer) };
};

/** The answer to a body of that length, which comes before the body is sent. */
async function statusOfBody(bytes: number): Promise<number | undefined> {
  const headers = {
    authorization: `Bearer ${service.token}`,
    'content-type': 'application/json',
    'content-length': bytes,
  };
  const asking = request(`${service.url}/api/v1/claws/worker/tasks`, { method: 'POST', headers });
  asking.flushHeaders();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  asking.destroy();
  return answer.statusCode;
}

describe('bad input', () => {
  it('without a token, or with a wrong one, is not authenticated', async () => {
    for (const authorization of [undefined, 'Bearer wrong', 'Basic abc']) {
      const answer = await fetch(`${service.url}/api/v1/keys`, {
        headers: authorization ? { authorization } : {},
      });
      expect(answer.status).toBe(401);
    }
  });

  it('names the field that is wrong, and an unknown field is an error', async () => {
    const wrong = await refused('POST', '/api/v1/claws', { name: 'Bad Name', model: 'gpt-4o', key: 'main' });
    expect(wrong).toMatchObject({ status: 400, code: 'request_invalid' });
    expect(wrong.text).toContain('"field":"name"');
    const unknown = await refused('POST', '/api/v1/claws', {
      name: 'good',
      model: 'gpt-4o',
      key: 'main',
      modell: 'x',
    });
    expect(unknown.text).toContain('modell');
  });

  it('that is no JSON, or too large, is refused', async () => {
    expect(await refused('POST', '/api/v1/claws', '{"name":')).toMatchObject({
      status: 400,
      code: 'request_invalid',
    });
    expect(await statusOfBody(LIMITS.bodyBytes + 1)).toBe(413);
  });

  it('that names what is not there is not found', async () => {
    for (const path of [
      '/api/v1/keys/nothing',
      '/api/v1/claws/nothing',
      '/api/v1/tasks/task_nothing',
      '/api/v1/nothing',
    ]) {
      expect(await refused('GET', path)).toMatchObject({ status: 404, code: 'not_found' });
    }
    expect(
      await refused('POST', '/api/v1/claws', { name: 'other', model: 'gpt-4o', key: 'nothing' }),
    ).toMatchObject({ code: 'not_found' });
  });

  it('with a cursor, a state or a file name that makes no sense is refused', async () => {
    expect(await refused('GET', '/api/v1/tasks?cursor=%00%01')).toMatchObject({ status: 400 });
    expect(await refused('GET', '/api/v1/tasks?state=asleep')).toMatchObject({ status: 400 });
    const files = [{ name: '../../etc/passwd', data: '' }];
    expect(await refused('POST', '/api/v1/claws/worker/tasks', { text: 'x', files })).toMatchObject({
      status: 400,
    });
  });

  it('that takes a name which is in use is a conflict', async () => {
    expect(
      await refused('POST', '/api/v1/claws', { name: 'worker', model: 'gpt-4o', key: 'main' }),
    ).toMatchObject({ status: 409, code: 'name_taken' });
  });
});

describe('a key', () => {
  it('that the provider rejects is refused with the provider’s words and without the key', async () => {
    const secret = 'sk-wrong-0123456789abcdefghijklmnop';
    const answer = await refused('POST', '/api/v1/keys', {
      name: 'wrong',
      provider: 'openai',
      secret,
      baseUrl: service.baseUrl,
      ca: service.provider.caPem,
    });
    expect(answer).toMatchObject({ status: 422, code: 'key_rejected' });
    expect(answer.text).toMatch(/incorrect api key/i);
    expect(answer.text).not.toContain(secret);
    expect(await refused('GET', '/api/v1/keys/wrong')).toMatchObject({ status: 404 });
  });

  it('that was added unverified and is wrong fails the task with the provider’s 401 and is not echoed', async () => {
    const secret = 'sk-wrong-abcdefghijklmnop0123456789';
    await service.addKey('unverified', secret, false);
    await service.claw('unlucky', { key: 'unverified' });
    const result = await service.run('unlucky', '@say hello');
    expect(result.task).toMatchObject({ state: 'failed', error: { code: 'provider_unauthorized' } });
    expect(JSON.stringify(result)).not.toContain(secret);
  });

  it('is shown masked, and not at all when it is short', async () => {
    const { masked } = await service.ask<KeyView>('GET', '/api/v1/keys/main');
    expect(masked).toMatch(/^[a-z]*-?…\S{4}$/);
    await service.addKey('short', 'sk-short', false);
    expect((await service.ask<KeyView>('GET', '/api/v1/keys/short')).masked).toBe('…');
  });

  it('to a private address that is not allowed cannot be verified, and a plain endpoint is refused', async () => {
    const body = {
      name: 'inner',
      provider: 'openai',
      secret: 'sk-0123456789abcdefghij',
      baseUrl: 'https://169.254.169.254/v1',
    };
    expect((await refused('POST', '/api/v1/keys', body)).code).toMatch(/gate_address_denied|key_unverified/);
    expect(
      await refused('POST', '/api/v1/keys', { ...body, baseUrl: 'http://example.org/v1' }),
    ).toMatchObject({ code: 'key_plaintext_endpoint' });
  });

  it('that is revoked is no longer given to any cage', async () => {
    await service.addKey('doomed');
    await service.claw('orphan', { key: 'doomed', deploy: true });
    await service.ask('POST', '/api/v1/keys/doomed/revoke');
    const { task } = await service.run('orphan', '@say hello');
    expect(task).toMatchObject({ state: 'failed', error: { code: 'key_revoked' } });
    expect(await refused('POST', '/api/v1/claws/orphan/deploy')).toMatchObject({
      status: 409,
      code: 'key_revoked',
    });
  });
});
