import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Entry } from '../../../cage-image/agent/conversation.ts';
import { ChatTurns } from '../../../cage-image/agent/turns/chat-turns.ts';
import type { ModelTurns, TurnRequest } from '../../../cage-image/agent/turns/model-turns.ts';
import { ResponsesTurns } from '../../../cage-image/agent/turns/responses-turns.ts';

type Body = Record<string, unknown>;
let server: Server;
let client: OpenAI;
/** What came, and how each is answered: an error message (400), or events. */
let bodies: Body[] = [];
let answers: (string | readonly object[])[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      bodies.push(JSON.parse(Buffer.concat(chunks).toString('utf8')) as Body);
      const answer = answers.shift() ?? 'nothing prepared';
      if (typeof answer === 'string') {
        response.writeHead(400, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ error: { message: answer } }));
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(answer.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = new OpenAI({
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    apiKey: 'x',
    maxRetries: 0,
  });
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  bodies = [];
  answers = [];
});

const ENTRIES: Entry[] = [
  { role: 'system', text: 'be brief' },
  { role: 'user', text: 'look', images: [{ url: 'data:image/png;base64,AA', detail: 'low' }] },
];
const TOOL = { name: 'shell', description: 'Runs.', parameters: { type: 'object' } };
const request = (more: Partial<TurnRequest> = {}): TurnRequest => ({
  entries: ENTRIES,
  tools: [TOOL],
  mayCall: true,
  form: { type: 'text' },
  onText: () => undefined,
  ...more,
});
const DONE = [{ choices: [{ index: 0, delta: { content: 'ok' }, finish_reason: 'stop' }] }];
const completed = (...output: object[]) => [
  { type: 'response.output_text.delta', delta: 'ok' },
  { type: 'response.completed', response: { output } },
];
const MESSAGE = { type: 'message', id: 'msg_1', content: [{ type: 'output_text', text: 'ok' }] };
const SCHEMA = { type: 'object' };

describe('chat completions', () => {
  const chat = (): ModelTurns => new ChatTurns(client, 'm');

  test('carry images, tools and the form of the answer', async () => {
    answers = [DONE];
    await chat().next(request({ form: { type: 'json_schema', schema: SCHEMA, strict: true } }));
    expect(bodies[0]).toEqual({
      model: 'm',
      messages: [
        { role: 'system', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA', detail: 'low' } },
          ],
        },
      ],
      tools: [{ type: 'function', function: TOOL }],
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: SCHEMA, strict: true } },
      stream: true,
    });
  });

  test('leave out from then on what a server does not know', async () => {
    answers = ["'response_format' is not supported", 'unknown field: tool_choice', DONE, DONE];
    const turns = chat();
    const last = request({ form: { type: 'json' }, mayCall: false });
    expect((await turns.next(last)).text).toBe('ok');
    await turns.next(last);
    const keys = bodies.map((body) =>
      ['response_format', 'tool_choice', 'tools'].filter((key) => key in body),
    );
    expect(keys).toEqual([['response_format', 'tool_choice', 'tools'], ['tool_choice', 'tools'], [], []]);
  });

  test('throw any other refusal on', async () => {
    answers = ['this model does not take images'];
    await expect(chat().next(request({ form: { type: 'json' } }))).rejects.toThrow('does not take images');
    expect(bodies).toHaveLength(1);
  });

  test('that break off in the middle are told apart from those that never began', async () => {
    answers = [[{ choices: [{ index: 0, delta: { content: 'ha' }, finish_reason: null }] }]];
    await expect(chat().next(request())).rejects.toMatchObject({ name: 'BrokenOff' });
  });
});

describe('responses', () => {
  const responses = (): ModelTurns => new ResponsesTurns(client, 'm');

  test('store nothing, and carry reasoning back in encrypted form without the ids of a store', async () => {
    answers = [
      completed(
        { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAA' },
        { type: 'reasoning', id: 'rs_2', summary: [] },
        { ...MESSAGE, phase: 'commentary' },
        { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'shell', arguments: '{}' },
      ),
      completed(MESSAGE),
    ];
    const turns = responses();
    const turn = await turns.next(request());
    expect(turn).toMatchObject({
      text: 'ok',
      ending: 'done',
      calls: [{ id: 'call_1', name: 'shell', arguments: '{}' }],
    });
    await turns.next(
      request({
        entries: [
          ...ENTRIES,
          { role: 'assistant', text: turn.text, calls: turn.calls, carried: turn.carried ?? [] },
          { role: 'tool', callId: 'call_1', name: 'shell', text: 'done' },
        ],
      }),
    );
    expect(bodies[0]).toMatchObject({ store: false, include: ['reasoning.encrypted_content'] });
    expect((bodies[0]!['input'] as Body[])[1]).toEqual({
      role: 'user',
      content: [
        { type: 'input_text', text: 'look' },
        { type: 'input_image', image_url: 'data:image/png;base64,AA', detail: 'low' },
      ],
    });
    expect((bodies[1]!['input'] as Body[]).slice(2)).toEqual([
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAA' },
      { role: 'assistant', content: 'ok', phase: 'commentary' },
      { type: 'function_call', call_id: 'call_1', name: 'shell', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'done' },
    ]);
  });

  test('do without encrypted reasoning where a model has none', async () => {
    answers = ['Encrypted content is not supported with this model.', completed(MESSAGE)];
    expect((await responses().next(request())).text).toBe('ok');
    expect(bodies.map((body) => 'include' in body)).toEqual([true, false]);
  });

  test.each([
    [{ incomplete_details: { reason: 'max_output_tokens' } }, 'length'],
    [{ incomplete_details: { reason: 'content_filter' } }, 'filtered'],
  ])('that are incomplete, %j, end as %s', async (details, ending) => {
    answers = [[{ type: 'response.incomplete', response: { output: [MESSAGE], ...details } }]];
    expect((await responses().next(request())).ending).toBe(ending);
  });

  test('that refuse say so', async () => {
    answers = [completed({ type: 'message', content: [{ type: 'refusal', refusal: 'No.' }] })];
    expect(await responses().next(request())).toMatchObject({ text: '', refusal: 'No.' });
  });

  test.each([
    ['rate_limit_exceeded', { code: 'provider_rate_limited' }],
    ['invalid_prompt', { code: 'provider_failed', details: { providerMessage: 'its words' } }],
    ['server_error', { name: 'BrokenOff' }],
  ])('that fail with %s', async (code, error) => {
    answers = [[{ type: 'response.failed', response: { error: { code, message: 'its words' } } }]];
    await expect(responses().next(request())).rejects.toMatchObject(error);
  });
});
