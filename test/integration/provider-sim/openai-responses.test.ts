import { setDefaultCACertificates } from 'node:tls';
import OpenAI from 'openai';
import type { ResponseInput, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProvider, type TestProvider } from '../../support/provider.ts';

const MODEL = 'gpt-4o';
let provider: TestProvider;
let client: OpenAI;

beforeAll(async () => {
  provider = await startTestProvider();
  setDefaultCACertificates([provider.caPem]);
  client = new OpenAI({ apiKey: provider.key, baseURL: provider.url, maxRetries: 0 });
});
afterAll(() => provider.close());

const lastCall = () => provider.books().at(-1)!;
const shell = {
  type: 'function' as const,
  name: 'shell',
  strict: false,
  parameters: { type: 'object', properties: { command: { type: 'string' } } },
};

const ask = (input: string | ResponseInput, more: object = {}) =>
  client.responses.create({ model: MODEL, input, ...more });

async function eventsOf(input: string, more: object = {}): Promise<ResponseStreamEvent[]> {
  const seen = [];
  for await (const event of await client.responses.create({ model: MODEL, input, stream: true, ...more }))
    seen.push(event);
  return seen;
}
/** The events' types in a row, repeated ones once. */
const kinds = (events: readonly ResponseStreamEvent[]) =>
  events.map(({ type }) => type.replace('response.', '')).filter((type, at, all) => type !== all[at - 1]);

describe('a response in one go', () => {
  it('says what the script says, with its usage, in the books too', async () => {
    const response = await ask('@say Hello there.', { instructions: 'Be brief.' });
    expect(response).toMatchObject({
      object: 'response',
      status: 'completed',
      output_text: 'Hello there.',
      instructions: 'Be brief.',
      error: null,
      incomplete_details: null,
    });
    const { usage } = response;
    expect(lastCall()).toMatchObject({
      operation: 'responses',
      inputTokens: usage!.input_tokens,
      outputTokens: usage!.output_tokens,
      totalTokens: usage!.total_tokens,
      status: 200,
    });
  });

  it('makes a round trip of parallel tools by its items', async () => {
    const script =
      '@say One moment.\n@tool shell {"command":"a"}\n@also shell {"command":"b"}\n@say {{tool_results}}';
    const first = await ask(script, { tools: [shell] });
    const calls = first.output.filter((item) => item.type === 'function_call');
    expect(first.output.map(({ type }) => type)).toEqual(['message', 'function_call', 'function_call']);
    expect(calls.map((call) => call.arguments)).toEqual(['{"command":"a"}', '{"command":"b"}']);
    const input = [
      { role: 'user', content: script },
      ...first.output,
      ...calls.map(({ call_id }, at) => ({ type: 'function_call_output', call_id, output: `out ${at}` })),
    ] as ResponseInput;
    expect((await ask(input, { tools: [shell] })).output_text).toBe('out 0\nout 1');
  });

  it('is refused where a call has no output, or an output no call', async () => {
    const output = { type: 'function_call_output' as const, call_id: 'call_x', output: '' };
    await expect(ask([output])).rejects.toMatchObject({ status: 400, param: 'input' });
    const call = { type: 'function_call' as const, call_id: 'call_x', name: 'shell', arguments: '{}' };
    await expect(ask([call])).rejects.toThrow('No tool output found for function call call_x.');
    expect((await ask([call, output])).status).toBe('completed');
  });

  it('is incomplete at the output limit, which is at least 16', async () => {
    const response = await ask('@stream 40 tokens', { max_output_tokens: 16 });
    expect(response).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      usage: { output_tokens: 16 },
    });
    await expect(ask('x', { max_output_tokens: 15 })).rejects.toMatchObject({
      status: 400,
      code: 'integer_below_min_value',
    });
  });

  it('thinks as long as the effort says, and shows a summary where it is wished', async () => {
    const response = await ask('@say 42', { reasoning: { effort: 'low', summary: 'auto' } });
    expect(response.usage?.output_tokens_details.reasoning_tokens).toBe(64);
    expect(response.output[0]).toMatchObject({ type: 'reasoning', summary: [{ type: 'summary_text' }] });
    expect(lastCall()).toMatchObject({ reasoningTokens: 64, outputTokens: response.usage?.output_tokens });
  });

  it('follows a JSON schema, and JSON mode', async () => {
    const schema = {
      type: 'object',
      properties: { n: { type: 'integer', minimum: 5 }, kind: { enum: ['b', 'c'] } },
      required: ['n', 'kind'],
      additionalProperties: false,
    };
    const text = { format: { type: 'json_schema' as const, name: 'x', schema } };
    expect(JSON.parse((await ask('Hello', { text })).output_text)).toEqual({ n: 5, kind: 'b' });
    const mode = { format: { type: 'json_object' as const } };
    expect(JSON.parse((await ask('Hello in JSON', { text: mode })).output_text)).toHaveProperty('answer');
    await expect(ask('Hello', { text: mode })).rejects.toThrow("must contain the word 'json'");
  });

  it('refuses, and is filtered, where the script says so', async () => {
    const [item] = (await ask('@refuse I would rather not.')).output;
    expect(item).toMatchObject({ content: [{ type: 'refusal', refusal: 'I would rather not.' }] });
    expect(await ask('@say half a\n@finish content_filter')).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' },
    });
  });
});

describe('a streamed response', () => {
  it('tells of every item in OpenAI’s order, numbered without a gap, and ends with the whole', async () => {
    const events = await eventsOf('@say Let me see\n@tool shell {"command":"ls"}', {
      tools: [shell],
      reasoning: { effort: 'low' },
    });
    expect(kinds(events)).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'output_item.done',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ]);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, at) => at));
    const last = events.at(-1)!;
    expect(last.type === 'response.completed' && last.response.output).toEqual(
      events.filter((event) => event.type === 'response.output_item.done').map((event) => event.item),
    );
  });

  it('is put together by the package’s own accumulator as it was said', async () => {
    const final = await client.responses
      .stream({ model: MODEL, input: '@say A line.\\nAnd ünïcode 🦀.' })
      .finalResponse();
    expect(final.output_text).toBe('A line.\nAnd ünïcode 🦀.');
    expect(final.usage?.total_tokens).toBe(lastCall().totalTokens);
  });

  it('ends incomplete, failed or cut as the script says', async () => {
    expect(kinds(await eventsOf('@stream 30 tokens', { max_output_tokens: 16 })).at(-1)).toBe('incomplete');
    const failed = (await eventsOf('@fail 500 after 3 tokens\n@stream 9 tokens')).at(-1);
    expect(failed).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'server_error' } },
    });
    await expect(eventsOf('@cut after 3 tokens\n@stream 9 tokens')).rejects.toThrow();
    expect(lastCall()).toMatchObject({ cut: true, outputTokens: 3 });
    await expect(eventsOf('@fail 429 retry-after 2')).rejects.toMatchObject({ status: 429 });
  });
});

describe('stored responses', () => {
  it('are there until deleted, for their key alone, unless they were not to be stored', async () => {
    const { id } = await ask('@say kept');
    expect((await client.responses.retrieve(id)).output).toHaveLength(1);
    const items = await client.responses.inputItems.list(id);
    expect(items.data).toMatchObject([
      { role: 'user', content: [{ type: 'input_text', text: '@say kept' }] },
    ]);
    provider.keys.add('sk-another');
    await expect(client.withOptions({ apiKey: 'sk-another' }).responses.retrieve(id)).rejects.toMatchObject({
      status: 404,
    });
    await client.responses.delete(id);
    await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
    const unkept = await ask('@say x', { store: false });
    await expect(client.responses.retrieve(unkept.id)).rejects.toMatchObject({ status: 404 });
  });

  it('are gone on from by previous_response_id, whose tokens count again', async () => {
    const first = await ask('@answer one\n@answer two');
    const second = await ask('And?', { previous_response_id: first.id });
    expect(second.output_text).toBe('two');
    expect(second.usage!.input_tokens).toBeGreaterThan(first.usage!.input_tokens);
    await expect(ask('x', { previous_response_id: 'resp_none' })).rejects.toMatchObject({
      code: 'previous_response_not_found',
    });
  });
});

it('input_tokens counts what a response would take, and books nothing', async () => {
  const input = 'How many tokens are these?';
  const { input_tokens } = await client.responses.inputTokens.count({ model: MODEL, input });
  expect(lastCall()).toMatchObject({ operation: 'input_tokens', totalTokens: 0 });
  expect((await ask(input)).usage?.input_tokens).toBe(input_tokens);
});
