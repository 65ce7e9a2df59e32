import { setDefaultCACertificates } from 'node:tls';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProvider, type TestProvider } from '../../support/provider.ts';

let provider: TestProvider;
let client: OpenAI;

beforeAll(async () => {
  provider = await startTestProvider();
  setDefaultCACertificates([provider.caPem]);
  client = new OpenAI({ apiKey: provider.key, baseURL: provider.url, maxRetries: 0 });
});
afterAll(() => provider.close());

const lastCall = () => provider.books().at(-1)!;

/** The operations with a text in which a script can stand. */
const OPERATIONS: Record<string, (text: string, retries?: number) => Promise<unknown>> = {
  chat: (content, maxRetries = 0) =>
    client.chat.completions.create(
      { model: 'gpt-4o', messages: [{ role: 'user', content }] },
      { maxRetries },
    ),
  responses: (input, maxRetries = 0) => client.responses.create({ model: 'gpt-4o', input }, { maxRetries }),
  embeddings: (input, maxRetries = 0) =>
    client.embeddings.create({ model: 'text-embedding-3-small', input }, { maxRetries }),
  images: (prompt, maxRetries = 0) =>
    client.images.generate({ model: 'gpt-image-1', prompt }, { maxRetries }),
  moderations: (input, maxRetries = 0) => client.moderations.create({ input }, { maxRetries }),
  transcriptions: async (prompt, maxRetries = 0) =>
    client.audio.transcriptions.create(
      { model: 'whisper-1', file: await toFile(Buffer.from('RIFF....WAVE'), 'x.wav'), prompt },
      { maxRetries },
    ),
  files: async (text, maxRetries = 0) =>
    client.files.create(
      { file: await toFile(Buffer.from(text), 'x.txt'), purpose: 'user_data' },
      { maxRetries },
    ),
};

describe.each(Object.keys(OPERATIONS))('a scripted fault of %s', (name) => {
  const call = OPERATIONS[name]!;

  it.each([401, 403, 404, 429, 500, 503])('is the status %i, and no tokens', async (status) => {
    await expect(call(`@fail ${status}`)).rejects.toMatchObject({ status });
    expect(lastCall()).toMatchObject({ status, totalTokens: 0 });
  });

  it('ends after its times, so that a client that tries again gets through', async () => {
    const before = provider.books().length;
    await call('@fail 429 retry-after 0.01 times 1\n@say through', 1);
    expect(
      provider
        .books()
        .slice(before)
        .map(({ status }) => status),
    ).toEqual([429, 200]);
  });

  it('is a broken connection', async () => {
    await expect(call('@cut')).rejects.toMatchObject({ message: 'Connection error.' });
    expect(lastCall()).toMatchObject({ cut: true, status: 0 });
  });

  it('is a body that ends in its middle', async () => {
    await expect(call('@cut after 1 tokens\n@say three words here')).rejects.toThrow();
    expect(lastCall()).toMatchObject({ cut: true, status: 200 });
  });

  it('is JSON that is none', async () => {
    await expect(call('@malformed-json\n@say x')).rejects.toThrow(SyntaxError);
  });

  it('is a web page in place of an answer', async () => {
    // The package takes the page for the answer, or stumbles over it.
    expect(await call('@wrong-type').catch(String)).toContain('<!DOCTYPE html>');
    expect(lastCall()).toMatchObject({ status: 200, totalTokens: 0 });
  });

  it('is a header of a mebibyte, which a client refuses', async () => {
    await expect(call('@big-header\n@say x')).rejects.toMatchObject({ message: 'Connection error.' });
  });

  it('is an answer that is held back', async () => {
    await call('@slow-headers 120ms\n@say x');
    expect(lastCall().endedMs - lastCall().arrivedMs).toBeGreaterThanOrEqual(119);
  });

  it('is an answer byte by byte, which is whole all the same', async () => {
    expect(await call('@trickle 100 bytes every 1ms\n@say x')).toBeTypeOf('object');
  });
});

it('a fault of speech breaks it as well', async () => {
  const speak = (input: string) => client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input });
  await expect(speak('@fail 503')).rejects.toMatchObject({ status: 503 });
  const half = await speak('@cut after 1 tokens');
  await expect(half.arrayBuffer()).rejects.toThrow();
});

describe('a stream', () => {
  const stream = async (content: string) => {
    const messages = [{ role: 'user' as const, content }];
    const events = await client.chat.completions.create({ model: 'gpt-4o', messages, stream: true });
    let text = '';
    for await (const { choices } of events)
      text += choices[0]?.delta.content ?? choices[0]?.delta.refusal ?? '';
    return text;
  };

  it('survives when it comes byte by byte, also within a character', async () => {
    expect(await stream('@trickle\n@say ünï 🦀')).toBe('ünï 🦀');
  });

  it('breaks where one of its events is no JSON', async () => {
    await expect(stream('@malformed-json\n@say some more words')).rejects.toThrow(SyntaxError);
  });

  it('carries a refusal', async () => {
    expect(await stream('@refuse No.')).toBe('No.');
  });
});

describe('the provider’s own limits', () => {
  it('let no more requests of a key in than they say, and tell when to come back', async () => {
    await using limited = await startTestProvider({ limits: { requests: 2 } });
    setDefaultCACertificates([limited.caPem, provider.caPem]);
    const own = new OpenAI({ apiKey: limited.key, baseURL: limited.url, maxRetries: 0 });
    const ask = () => own.embeddings.create({ model: 'text-embedding-3-small', input: 'x' });
    const { response } = await ask().withResponse();
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('2');
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('1');
    await ask();
    const refused = await ask().catch((error: unknown) => error as InstanceType<typeof OpenAI.APIError>);
    expect(refused).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'requests' });
    const seconds = Number((refused as { headers: Headers }).headers.get('retry-after-ms')) / 1000;
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(60);
  });

  it('count the tokens that a call used, and refuse for good what never fits', async () => {
    await using limited = await startTestProvider({ limits: { tokens: 100 } });
    setDefaultCACertificates([limited.caPem, provider.caPem]);
    const own = new OpenAI({ apiKey: limited.key, baseURL: limited.url, maxRetries: 0 });
    const ask = (content: string) =>
      own.chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content }] });
    await ask('@stream 70 tokens');
    await expect(ask('@say x @ @ @ @ @ @ @ @ @ @ @ @ @ @ @ @ @ @ @')).rejects.toMatchObject({
      status: 429,
      type: 'tokens',
    });
    await expect(ask('word '.repeat(200))).rejects.toThrow('Request too large');
  });
});

it('a beginning of 1024 tokens and more that was sent before is cached, for its key and model alone', async () => {
  const long = `A long beginning. ${'It goes on and on. '.repeat(400)}`;
  const ask = async (end: string, key = provider.key) => {
    provider.keys.add(key);
    const { usage } = await client.withOptions({ apiKey: key }).chat.completions.create({
      model: 'gpt-4o',
      messages: [
        { role: 'system', content: long },
        { role: 'user', content: end },
      ],
    });
    return usage!.prompt_tokens_details!.cached_tokens!;
  };
  expect(await ask('One.')).toBe(0);
  const cached = await ask('Two.');
  expect(cached).toBeGreaterThanOrEqual(1024);
  expect(cached % 128).toBe(0);
  expect(lastCall()).toMatchObject({ cachedTokens: cached });
  expect(lastCall().inputTokens).toBeGreaterThan(cached);
  expect(await ask('Three.', 'sk-another')).toBe(0);
});
