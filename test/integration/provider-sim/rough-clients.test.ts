import { once } from 'node:events';
import { request as plainRequest, type IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { networkInterfaces } from 'node:os';
import { connect } from 'node:tls';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { startTestProvider, type TestProvider } from '../../support/provider.ts';

let provider: TestProvider;
beforeEach(async () => {
  provider = await startTestProvider();
});
afterEach(() => provider.close());

async function post(body: string | Buffer, headers: Record<string, string> = {}, agent?: Agent) {
  const call = request(`${provider.url}/chat/completions`, {
    method: 'POST',
    ca: provider.caPem,
    headers: { authorization: `Bearer ${provider.key}`, ...headers },
    ...(agent ? { agent } : {}),
  });
  call.on('error', () => {});
  call.end(body);
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  return {
    status: answer.statusCode,
    reused: call.reusedSocket,
    body: JSON.parse(await text(answer)) as { error?: { type: string; code: string } },
  };
}

const hello = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: '@say hello' }] });

describe('the provider', () => {
  it.each(['', '{', 'null', '[]', '"x"', '{"model":"gpt-4o"}', Buffer.from([0x7b, 0xff, 0x7d])])(
    'answers 400 in OpenAI’s form to the body %j, and goes on',
    async (body) => {
      expect(await post(body)).toMatchObject({
        status: 400,
        body: { error: { type: 'invalid_request_error' } },
      });
      expect(await post(hello)).toMatchObject({ status: 200 });
    },
  );

  it('answers 413 to a body of more than 32 MiB, announced or not', async () => {
    expect(await post('', { 'content-length': String(32 * 1024 * 1024 + 1) })).toMatchObject({ status: 413 });
    const large = Buffer.alloc(32 * 1024 * 1024 + 1, ' ');
    expect(await post(large, { 'transfer-encoding': 'chunked' })).toMatchObject({ status: 413 });
    expect(await post(hello)).toMatchObject({ status: 200 });
  });

  it('answers 401 without a key and 405 to another method', async () => {
    expect(await post(hello, { authorization: 'Basic eDp5' })).toMatchObject({ status: 401 });
    const call = request(`${provider.url}/chat/completions`, {
      ca: provider.caPem,
      headers: { authorization: `Bearer ${provider.key}` },
    }).end();
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(405);
    answer.resume();
  });

  it('keeps a connection for the next call', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await post(hello, {}, agent)).reused).toBe(false);
    expect((await post(hello, {}, agent)).reused).toBe(true);
    expect((await post('{', {}, agent)).reused).toBe(true);
    agent.destroy();
  });

  it('outlives clients that break off at any place, and books those it had heard', async () => {
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${provider.key}\r\ncontent-length: ${hello.length}\r\nexpect: 100-continue\r\n\r\n`;
    for (const sent of ['POST', head, head + hello.slice(0, 20)]) {
      const socket = connect({ host: '127.0.0.1', port: provider.port, ca: provider.caPem });
      await once(socket, 'secureConnect');
      socket.write(sent);
      if (sent.startsWith(head)) await once(socket, 'data');
      socket.destroy();
    }
    await eventually(() => expect(provider.books().filter(({ aborted }) => aborted)).toHaveLength(2));
    expect(provider.books().every(({ totalTokens }) => totalTokens === 0)).toBe(true);
    expect(await post(hello)).toMatchObject({ status: 200 });
  });

  it('closes while calls are running, which it books', async () => {
    const messages = [{ role: 'user', content: '@stream 1000 tokens at 20/s' }];
    const call = request(`${provider.url}/chat/completions`, {
      method: 'POST',
      ca: provider.caPem,
      headers: { authorization: `Bearer ${provider.key}` },
    }).end(JSON.stringify({ model: 'gpt-4o', stream: true, messages }));
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    const broken = once(answer.resume(), 'error');
    await provider.close();
    await broken;
    expect(provider.books()).toMatchObject([{ status: 200, streamed: true, aborted: true }]);
  });
});

describe('a provider for local servers and bridges', () => {
  it('speaks plain http where told', async () => {
    await using plain = await startTestProvider({ plain: true });
    expect(plain.url).toMatch(/^http:/);
    const call = plainRequest(`${plain.url}/models`, {
      headers: { authorization: `Bearer ${plain.key}` },
    }).end();
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    answer.resume();
  });

  it('listens on several addresses, each of which its certificate names', async () => {
    const others = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ family, internal }) => family === 'IPv4' && !internal);
    const host = others[0]?.address ?? '127.0.0.2';
    await using both = await startTestProvider({ hosts: [host] });
    for (const address of ['127.0.0.1', host]) {
      const url = `https://${address}:${both.port}/v1/models`;
      const call = request(url, { ca: both.caPem, headers: { authorization: `Bearer ${both.key}` } }).end();
      const [answer] = (await once(call, 'response')) as [IncomingMessage];
      expect(answer.statusCode).toBe(200);
      answer.resume();
    }
  });
});
