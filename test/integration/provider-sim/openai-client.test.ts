import { setDefaultCACertificates } from 'node:tls';
import OpenAI from 'openai';
import type {
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { encodeChat } from 'gpt-tokenizer/model/gpt-4o';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyFingerprint } from '../../../provider-sim/books.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestProvider, type TestProvider } from '../../support/provider.ts';

const MODEL = 'gpt-4o';
const KEY = 'sk-test-canary-0123456789abcdefwxyz';
let provider: TestProvider;
let client: OpenAI;

beforeAll(async () => {
  provider = await startTestProvider({ key: KEY });
  setDefaultCACertificates([provider.caPem]);
  client = clientWith(provider.key);
});
afterAll(() => provider.close());

const clientWith = (apiKey: string, maxRetries = 0) =>
  new OpenAI({ apiKey, baseURL: provider.url, maxRetries });
const user = (content: string): ChatCompletionMessageParam[] => [{ role: 'user', content }];
const lastCall = () => provider.books().at(-1)!;
const shell = {
  type: 'function' as const,
  function: { name: 'shell', parameters: { type: 'object', properties: { command: { type: 'string' } } } },
};

async function ask(content: string, more: Partial<ChatCompletionCreateParamsNonStreaming> = {}) {
  return client.chat.completions.create({ model: MODEL, messages: user(content), ...more });
}

async function stream(content: string, more: object = {}) {
  const events = await client.chat.completions.create({
    model: MODEL,
    messages: user(content),
    stream: true,
    stream_options: { include_usage: true },
    ...more,
  });
  const seen = [];
  for await (const event of events) seen.push(event);
  return seen;
}

describe('an answer in one go', () => {
  it('says what the script says and counts what the tokenizer counts, in the books too', async () => {
    const messages = user('@say The quick brown fox jumps over the lazy dog.');
    const answer = await client.chat.completions.create({ model: MODEL, messages });
    const said = 'The quick brown fox jumps over the lazy dog.';
    expect(answer.choices).toMatchObject([
      { message: { role: 'assistant', content: said }, finish_reason: 'stop' },
    ]);
    const [input, output] = [
      encodeChat(messages as { role: 'user'; content: string }[], MODEL).length,
      countTokens(said),
    ];
    expect(answer.usage).toMatchObject({
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
    });
    expect(lastCall()).toMatchObject({
      keyFingerprint: keyFingerprint(KEY),
      path: '/v1/chat/completions',
      model: MODEL,
      status: 200,
      inputTokens: input,
      outputTokens: output,
      totalTokens: input + output,
      streamed: false,
      aborted: false,
      cut: false,
    });
    expect(lastCall().endedMs).toBeGreaterThan(lastCall().arrivedMs);
  });

  it('ends at the output limit', async () => {
    for (const limit of [{ max_tokens: 7 }, { max_completion_tokens: 7 }]) {
      const answer = await ask('@stream 20 tokens', limit);
      expect(answer.choices[0]).toMatchObject({ finish_reason: 'length' });
      expect(answer.usage?.completion_tokens).toBe(7);
    }
  });

  it('is given n times, and counted n times', async () => {
    const answer = await ask('@stream 5 tokens', { n: 3 });
    expect(answer.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(answer.usage?.completion_tokens).toBe(15);
  });

  it('waits before it comes', async () => {
    await ask('@wait 300ms\n@say late');
    expect(lastCall().endedMs - lastCall().arrivedMs).toBeGreaterThanOrEqual(299);
  });

  it('leaves its usage out where the script says so', async () => {
    expect((await ask('@no-usage\n@say x')).usage).toBeUndefined();
    expect(lastCall()).toMatchObject({ outputTokens: 1, told: false });
    await ask('@say x');
    expect(lastCall().told).toBe(true);
  });

  it('echoes the key where the script says so', async () => {
    expect((await ask('@echo-key')).choices[0]?.message.content).toBe(KEY);
  });
});

describe('tools', () => {
  it('make a round trip, one after the other and several at once', async () => {
    const messages = user(
      '@tool shell {"command":"one"}\n@tool shell {"command":"two"}\n@also shell {"command":"{{last_tool_result}}!"}\n@say I saw: {{last_tool_result}}',
    );
    const seen: string[][] = [];
    for (;;) {
      const answer = await client.chat.completions.create({ model: MODEL, messages, tools: [shell] });
      const { message, finish_reason } = answer.choices[0]!;
      if (!message.tool_calls) {
        expect(finish_reason).toBe('stop');
        expect(message.content).toBe('I saw: result of two, second');
        break;
      }
      expect(finish_reason).toBe('tool_calls');
      messages.push(message);
      seen.push(message.tool_calls.map((call) => (call.type === 'function' ? call.function.arguments : '')));
      const [first, second] = message.tool_calls;
      messages.push({
        role: 'tool',
        tool_call_id: first!.id,
        content: seen.length === 1 ? 'result "of" one' : 'result of two',
      });
      if (second) messages.push({ role: 'tool', tool_call_id: second.id, content: 'result of two, second' });
    }
    expect(seen).toEqual([
      ['{"command":"one"}'],
      ['{"command":"two"}', '{"command":"result \\"of\\" one!"}'],
    ]);
  });

  it('arrive whole in a stream', async () => {
    const run = client.chat.completions.stream({
      model: MODEL,
      messages: user('@say Let me see.\n@tool shell {"command":"wc -l"}\n@also shell'),
      tools: [shell],
    });
    const { message, finish_reason } = (await run.finalChatCompletion()).choices[0]!;
    expect(finish_reason).toBe('tool_calls');
    expect(message.content).toBe('Let me see.');
    expect(message.tool_calls?.map((call) => call.function)).toMatchObject([
      { name: 'shell', arguments: '{"command":"wc -l"}' },
      { name: 'shell', arguments: '{}' },
    ]);
  });

  it('that were called and not answered are refused', async () => {
    const messages: ChatCompletionMessageParam[] = [
      ...user('hi'),
      {
        role: 'assistant',
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'shell', arguments: '{}' } }],
      },
      ...user('go on'),
    ];
    const wrong = client.chat.completions.create({ model: MODEL, messages });
    await expect(wrong).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('call_1') as string,
    });
  });
});

describe('a stream', () => {
  it('is the answer in pieces, with its usage at the end', async () => {
    const events = await stream('@say Naïve 👩‍👩‍👧 text.');
    const text = events.map((event) => event.choices[0]?.delta.content ?? '').join('');
    expect(text).toBe('Naïve 👩‍👩‍👧 text.');
    expect(events.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(events.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: countTokens(text) } });
    expect(lastCall()).toMatchObject({ streamed: true, outputTokens: countTokens(text) });
  });

  it('says nothing of usage unless it is asked', async () => {
    const events = await stream('@say x', { stream_options: undefined });
    expect(events.some((event) => event.usage)).toBe(false);
  });

  it('comes at its rate', async () => {
    const start = performance.now();
    const events = await stream('@stream 20 tokens at 50/s');
    const took = performance.now() - start;
    expect(events.at(-1)?.usage?.completion_tokens).toBe(20);
    expect(took).toBeGreaterThanOrEqual(380);
    expect(took).toBeLessThan(15_000);
  });

  it('breaks off where it is cut, and is booked with what it had produced', async () => {
    await expect(stream('@cut after 4 tokens\n@stream 50 tokens')).rejects.toThrow();
    expect(lastCall()).toMatchObject({ status: 200, outputTokens: 4, cut: true, aborted: false });
    await expect(ask('@cut after 4 tokens\n@stream 50 tokens')).rejects.toThrow();
    expect(lastCall()).toMatchObject({ outputTokens: 4, cut: true });
    await expect(ask('@cut')).rejects.toBeInstanceOf(OpenAI.APIConnectionError);
    expect(lastCall()).toMatchObject({ status: 0, outputTokens: 0, cut: true });
  });

  it('tells of an error on its way by an event', async () => {
    await expect(stream('@fail 500 after 3 tokens\n@stream 9 tokens')).rejects.toThrow(/server had an error/);
    expect(lastCall()).toMatchObject({ status: 200, outputTokens: 3 });
  });

  it('stops when the client goes away, and is booked as aborted', async () => {
    const before = provider.books().length;
    const events = await client.chat.completions.create({
      model: MODEL,
      messages: user('@stream 1000 tokens at 100/s'),
      stream: true,
    });
    for await (const event of events) if (event.choices[0]?.delta.content) break;
    await eventually(() => expect(provider.books()).toHaveLength(before + 1));
    expect(lastCall()).toMatchObject({ aborted: true, cut: false });
    expect(lastCall().outputTokens).toBeLessThan(500);
  });
});

describe('a refusal', () => {
  it('of a wrong key shows it as OpenAI does, and books nothing but its fingerprint', async () => {
    const key = 'sk-wrong-0123456789abcdef-tail';
    const wrong = clientWith(key).models.list();
    await expect(wrong).rejects.toMatchObject({
      status: 401,
      code: 'invalid_api_key',
      message: expect.stringContaining('sk-wrong******************tail') as string,
    });
    expect(lastCall()).toMatchObject({ status: 401, keyFingerprint: keyFingerprint(key), totalTokens: 0 });
    expect(JSON.stringify(provider.books())).not.toContain(key);
  });

  it('of a key that was taken away comes at once, and is over when it is back', async () => {
    provider.keys.delete(KEY);
    await expect(ask('@say x')).rejects.toMatchObject({ status: 401 });
    provider.keys.add(KEY);
    await ask('@say x');
  });

  it('of an unknown model and path is a 404 in OpenAI’s form', async () => {
    await expect(ask('hi', { model: 'gpt-none' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
    await expect(client.models.retrieve('gpt-none')).rejects.toMatchObject({ status: 404 });
    await expect(client.post('/nothing')).rejects.toMatchObject({
      status: 404,
      type: 'invalid_request_error',
    });
  });

  it('of a bad parameter names it', async () => {
    await expect(ask('hi', { n: 0 })).rejects.toMatchObject({ status: 400, param: 'n' });
    await expect(ask('hi', { messages: [{ role: 'oracle' as 'user', content: 'x' }] })).rejects.toMatchObject(
      { param: 'messages[0].role' },
    );
    await expect(ask('hi', { max_tokens: 1, max_completion_tokens: 1 })).rejects.toMatchObject({
      code: 'invalid_parameter_combination',
    });
    await expect(ask('hi', { model: 'gpt-5.4-mini', max_tokens: 1 })).rejects.toMatchObject({
      code: 'unsupported_parameter',
    });
    await expect(ask('@say a\n@sya b')).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('@sya') as string,
    });
  });

  it('by the script has its status, its headers and, on demand, the key', async () => {
    const limited = await ask('@fail 429 retry-after 7').catch((error: unknown) => error);
    expect(limited).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
    expect((limited as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after')).toBe('7');
    await expect(ask('@fail 500')).rejects.toMatchObject({ status: 500, type: 'server_error' });
    await expect(stream('@fail 503')).rejects.toMatchObject({ status: 503 });
    await expect(ask('@fail 401')).rejects.toMatchObject({
      status: 401,
      message: expect.not.stringContaining(KEY) as string,
    });
    await expect(ask('@fail 401 echo-key')).rejects.toMatchObject({
      message: expect.stringContaining(KEY) as string,
    });
    expect(lastCall()).toMatchObject({ inputTokens: 0, totalTokens: 0 });
    expect(lastCall().offeredTokens).toBeGreaterThan(0);
  });

  it('for a number of times is over after them, again and again', async () => {
    const patient = clientWith(KEY, 3);
    const messages = user(
      '@fail 429 retry-after 0.01 times 1\n@fail 500 retry-after 0.01 times 2\n@say at last',
    );
    for (let round = 0; round < 2; round++) {
      const before = provider.books().length;
      const answer = await patient.chat.completions.create({ model: MODEL, messages });
      expect(answer.choices[0]?.message.content).toBe('at last');
      expect(
        provider
          .books()
          .slice(before)
          .map(({ status }) => status),
      ).toEqual([429, 500, 500, 200]);
    }
  });
});

describe('the models', () => {
  it('are listed and found one by one', async () => {
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toContain('gpt-5.4-mini');
    expect(await client.models.retrieve(ids[0]!)).toMatchObject({ id: ids[0], object: 'model' });
  });
});
