import { rmSync } from 'node:fs';
import type { APIError } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GRANTED, MeterBench, MeterUnderTest } from './meter-bench.ts';

let bench: MeterBench;
beforeAll(async () => {
  bench = await MeterBench.start();
});
afterAll(() => bench[Symbol.asyncDispose]());

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const say = (content: string) => ({ model: 'gpt-4o', messages: [{ role: 'user' as const, content }] });
const failureOf = (work: Promise<unknown>): Promise<APIError> =>
  work.then(
    () => Promise.reject(new Error('It did not fail.')),
    (error: unknown) => error as APIError,
  );

describe('the unmodified openai package through the meter', () => {
  test('gets an answer, and the provider is paid what it reported', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const answer = await meter.client().chat.completions.create(say('@say hello'));
    expect(answer.choices[0]?.message.content).toBe('hello');
    const settle = meter.only('settle');
    expect(settle).toMatchObject({
      charge: 'reported',
      status: 200,
      callId: meter.only('permit_request').callId,
    });
    expect(settle.usage?.totalTokens).toBe(answer.usage?.total_tokens);
    expect(meter.only('permit_request').tokens).toBeGreaterThanOrEqual(answer.usage!.total_tokens);
    expect(meter.heard.map((message) => message.type)).toEqual([
      'ready',
      'opened',
      'permit_request',
      'sent',
      'settle',
    ]);
  });

  test('streams, without the usage chunk that it did not ask for, and the usage is settled all the same', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const chunks = [];
    const stream = await meter
      .client()
      .chat.completions.create({ ...say('@say one two three'), stream: true });
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('one two three');
    expect(chunks.every((chunk) => chunk.choices.length > 0)).toBe(true);
    expect(meter.only('settle')).toMatchObject({ charge: 'reported', status: 200 });
  });

  test('sees the usage chunk where it asked for it', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const request = { ...say('@say hi'), stream: true as const, stream_options: { include_usage: true } };
    const chunks = await collect(await meter.client().chat.completions.create(request));
    expect(chunks.at(-1)?.usage?.total_tokens).toBe(meter.only('settle').usage?.totalTokens);
  });

  test('lists the models, which counts as a request', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const models = await collect(await meter.client().models.list());
    expect(models.map((model) => model.id)).toEqual(['gpt-4o']);
    expect(meter.only('permit_request').tokens).toBe(0);
    expect(meter.only('settle').charge).toBe('request');
  });

  test('never sends its throw-away key to the provider, nor gets in with another', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const wrong = meter.client({ apiKey: bench.provider.key });
    const error = await failureOf(wrong.chat.completions.create(say('@say hi')));
    expect(error).toMatchObject({ status: 401, code: 'meter_unauthorized' });
    expect(meter.all('permit_request')).toEqual([]);
  });
});

describe('what does not pass', () => {
  test.each([
    ['POST', '/batches', 'spends tokens after its answer'],
    ['POST', '/realtime/client_secrets', 'never pass'],
    ['GET', '/organization/projects', 'never pass'],
    ['POST', '/vector_stores', 'POST /v1/embeddings'],
    ['DELETE', '/models/gpt-4o', 'What passes'],
  ])('%s %s is refused with what to use instead', async (method, path, hint) => {
    await using meter = await MeterUnderTest.start(bench);
    const before = bench.provider.books().length;
    const answer = await fetch(meter.url + path, { method, headers: { authorization: meter.authorization } });
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    expect([answer.status, error.code]).toEqual([403, 'meter_call_refused']);
    expect(error.message).toContain(hint);
    expect(bench.provider.books().length).toBe(before);
  });

  test('another model than the Claw’s', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const error = await failureOf(
      meter.client().chat.completions.create({ ...say('hi'), model: 'gpt-4o-mini' }),
    );
    expect(error).toMatchObject({ status: 403, code: 'meter_model_refused' });
    expect(await failureOf(meter.client().models.retrieve('gpt-4o-mini'))).toMatchObject({
      code: 'meter_model_refused',
    });
  });

  test('a body over 20 MiB, one that is not JSON, and one that cannot be bounded', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const post = (body: string) =>
      fetch(`${meter.url}/chat/completions`, {
        method: 'POST',
        body,
        headers: { authorization: meter.authorization },
      });
    expect((await post('{')).status).toBe(400);
    expect((await post(' '.repeat(20 * 1024 * 1024 + 1))).status).toBe(413);
    const unbounded = await post(JSON.stringify({ ...say('hi'), web_search_options: {} }));
    expect(await unbounded.json()).toMatchObject({
      error: { code: 'meter_unbounded', param: 'web_search_options' },
    });
    expect(meter.all('permit_request')).toEqual([]);
  });
});

describe('permits', () => {
  test('a refused one is 429 in the form that the client waits by', async () => {
    await using meter = await MeterUnderTest.start(bench, { tokensPerMinute: 40_000, requestsPerMinute: 7 });
    const error = { code: 'limit_exceeded', message: 'no room' };
    let asked = 0;
    meter.decide = () => (asked++ === 0 ? { granted: false, error, retryAfterMs: 40 } : GRANTED);
    const answer = await meter
      .client({ maxRetries: 1 })
      .chat.completions.create(say('@say later'))
      .withResponse();
    expect(answer.data.choices[0]?.message.content).toBe('later');
    meter.decide = () => ({ granted: false, error, retryAfterMs: 1_500 });
    const refused = await failureOf(meter.client().chat.completions.create(say('hi')));
    expect(refused).toMatchObject({ status: 429, code: 'limit_exceeded' });
    expect(refused.headers?.get('retry-after')).toBe('2');
    expect(refused.headers?.get('retry-after-ms')).toBe('1500');
    expect(refused.headers?.get('x-ratelimit-limit-tokens')).toBe('40000');
    expect(refused.headers?.get('x-ratelimit-limit-requests')).toBe('7');
    expect(refused.headers?.get('x-clawcage-error')).toBe('limit_exceeded');
  });

  test('one that never fits is 400 and not tried again', async () => {
    await using meter = await MeterUnderTest.start(bench);
    meter.decide = () => ({ granted: false, error: { code: 'limit_never_fits', message: 'x' } });
    const refused = await failureOf(meter.client({ maxRetries: 3 }).chat.completions.create(say('hi')));
    expect(refused).toMatchObject({ status: 400, code: 'limit_never_fits' });
    expect(meter.all('permit_request').length).toBe(1);
  });

  test('one that came too late is given back, and another asked for', async () => {
    await using meter = await MeterUnderTest.start(bench);
    meter.decide = () => ({
      granted: true,
      sendWithinMs: meter.all('permit_request').length === 1 ? 0 : 30_000,
    });
    await meter.client().chat.completions.create(say('@say hi'));
    const [first, second] = meter.all('permit_request');
    expect(meter.all('settle').map(({ callId, charge }) => [callId, charge])).toEqual([
      [first?.callId, 'none'],
      [second?.callId, 'reported'],
    ]);
    expect(meter.only('sent').callId).toBe(second?.callId);
  });

  test('one that nobody waits for any more is given back', async () => {
    await using meter = await MeterUnderTest.start(bench);
    meter.decide = () => undefined;
    const leaving = new AbortController();
    const call = failureOf(meter.client().chat.completions.create(say('hi'), { signal: leaving.signal }));
    await meter.until('permit_request');
    leaving.abort();
    await call;
    await meter.until('permit_abandoned');
    const { callId } = meter.only('permit_request');
    await meter.meter.obey({ type: 'permit', callId, decision: GRANTED });
    expect(meter.only('settle')).toMatchObject({ callId, charge: 'none' });
  });
});

describe('an agent that goes away in the middle of a stream', () => {
  test('is settled by what the provider reports at the end of it', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const stream = await meter
      .client()
      .chat.completions.create({ ...say('@stream 60 tokens at 200/s'), stream: true });
    for await (const _ of stream) break;
    await meter.until('settle');
    expect(meter.only('settle')).toMatchObject({ charge: 'reported', status: 200 });
    expect(meter.only('settle').usage?.outputTokens).toBe(60);
  });

  test('is charged in full where the task ends before the stream does', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const stream = await meter
      .client()
      .chat.completions.create({ ...say('@stream 2000 tokens at 20/s'), stream: true });
    for await (const _ of stream) break;
    await meter.meter.obey({ type: 'finish', withinMs: 20 });
    expect(meter.only('settle').charge).toBe('full');
    expect(meter.heard.at(-1)?.type).toBe('finished');
  });
});

describe('errors of the provider', () => {
  test.each([
    [401, 'request'],
    [429, 'request'],
    [500, 'full'],
  ])('%i passes unchanged and costs: %s', async (status, charge) => {
    await using meter = await MeterUnderTest.start(bench);
    const error = await failureOf(
      meter.client().chat.completions.create(say(`@fail ${status} retry-after 7`)),
    );
    expect(error.status).toBe(status);
    expect(error.headers?.has('x-clawcage-error')).toBe(false);
    expect(error.headers?.get('set-cookie')).toBeNull();
    expect(meter.only('settle')).toMatchObject({ charge, status });
  });

  test('an echo of the key is taken out, in errors and in answers, in one piece or cut into many', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const error = await failureOf(meter.client().chat.completions.create(say('@fail 401 echo-key')));
    expect(error.message).toContain('[redacted]');
    expect(JSON.stringify([error.message, error.error])).not.toContain(bench.provider.key);
    const answer = await meter.client().chat.completions.create(say('@echo-key'));
    expect(answer.choices[0]?.message.content).toBe('[redacted]');
  });

  test('a stream that is cut breaks off for the agent too, and costs all that was reserved', async () => {
    await using meter = await MeterUnderTest.start(bench);
    const stream = await meter
      .client()
      .chat.completions.create({ ...say('@stream 40 tokens\n@cut after 5 tokens'), stream: true });
    await expect(collect(stream)).rejects.toThrow();
    expect(meter.only('settle').charge).toBe('full');
  });

  test('an answer without usage costs all that was reserved', async () => {
    await using meter = await MeterUnderTest.start(bench);
    await meter.client().chat.completions.create(say('@no-usage\n@say hi'));
    expect(meter.only('settle')).toMatchObject({ charge: 'full', status: 200 });
  });

  test('a provider that cannot be reached costs nothing', async () => {
    await using meter = await MeterUnderTest.start(bench, {
      provider: bench.target({ baseUrl: 'https://localhost:1/v1' }),
    });
    const error = await failureOf(meter.client().chat.completions.create(say('hi')));
    expect(error).toMatchObject({ status: 502, code: 'provider_unreachable' });
    expect(meter.only('settle').charge).toBe('none');
    expect(meter.all('sent')).toEqual([]);
  });

  test('a provider that the gate refuses is named so, and not tried again', async () => {
    await using meter = await MeterUnderTest.start(bench, {
      provider: bench.target({ baseUrl: 'https://localhost:2/v1' }),
    });
    const error = await failureOf(meter.client({ maxRetries: 3 }).chat.completions.create(say('hi')));
    expect(error).toMatchObject({ status: 403, code: 'gate_address_denied' });
    expect(meter.all('settle').map((settle) => settle.charge)).toEqual(['none']);
  });

  test('a certificate that is not of the given CA costs nothing', async () => {
    const { ca: _, ...provider } = bench.target();
    await using meter = await MeterUnderTest.start(bench, { provider });
    const error = await failureOf(meter.client().chat.completions.create(say('hi')));
    expect(error).toMatchObject({ status: 502, code: 'provider_unreachable' });
    expect(meter.only('settle').charge).toBe('none');
  });
});

describe('the sealed key', () => {
  test('does not open for another task or epoch', async () => {
    await using meter = await MeterUnderTest.start(bench, { epoch: 2 });
    expect(meter.only('not_opened').error.code).toBe('sealing_failed');
  });
});

test('a connection is kept for the next call: it goes on where no new one could be made', async () => {
  await using own = await MeterBench.start();
  await using meter = await MeterUnderTest.start(own);
  await meter.client().chat.completions.create(say('@say one'));
  rmSync(own.gate.socket.socket);
  await meter.client().chat.completions.create(say('@say two'));
  expect(meter.all('settle').map((settle) => settle.charge)).toEqual(['reported', 'reported']);
});
