import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentBench, type AgentTaskOptions } from '../../support/agent.ts';
import { startTestProvider, type TestProvider } from '../../support/provider.ts';

let provider: TestProvider;
let bench: AgentBench;
beforeAll(async () => {
  provider = await startTestProvider({ plain: true });
  bench = await AgentBench.prepare(provider);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await provider.close();
});

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const line = (step: string, name: string, args: unknown): string =>
  `@${step} ${name} ${JSON.stringify(args)}`;

describe.each(['chat', 'responses'] as const)('by %s', (api) => {
  const run = (text: string, options: AgentTaskOptions = {}) =>
    bench.run(text, { ...options, claw: { api, ...options.claw } });

  test('it answers, and tells the text as it comes', async () => {
    const { answer, of } = await run('@say hello there');
    expect(answer).toBe('hello there');
    expect(
      of('text')
        .map(({ text }) => text)
        .join(''),
    ).toBe('hello there');
  });

  test('it uses tools step by step, and their results reach the model', async () => {
    const work = bench.nextWork;
    const { answer, of } = await run(
      [
        line('tool', 'write_file', { path: 'out/a.txt', content: 'one two' }),
        line('tool', 'edit_file', { path: 'out/a.txt', old_text: 'two', new_text: 'three' }),
        line('tool', 'shell', { command: 'wc -w < out/a.txt' }),
        '@say words: {{last_tool_result}}',
      ].join('\n'),
    );
    expect(answer?.trim()).toBe('words: 2');
    expect(readFileSync(join(work, 'out/a.txt'), 'utf8')).toBe('one three');
    expect(of('tool_call').map(({ name }) => name)).toEqual(['write_file', 'edit_file', 'shell']);
    expect(of('tool_result').every(({ ok }) => ok)).toBe(true);
  });

  test('tools that are called at once run at once, and their results keep the model’s order', async () => {
    const work = bench.nextWork;
    const { answer, of } = await run(
      [
        line('tool', 'shell', { command: 'until [ -e told ]; do sleep 0.1; done; echo first' }),
        line('also', 'shell', { command: 'echo second' }),
        '@say {{tool_results}}',
      ].join('\n'),
      { onLine: ({ kind }) => kind === 'tool_result' && writeFileSync(join(work, 'told'), '') },
    );
    expect(answer).toMatch(/first\s+second/);
    expect(of('tool_result').map(({ output }) => output)).toEqual(['second\n', 'first\n']);
  });

  test('a function of the caller is called and its result used; two can wait at once', async () => {
    const functions = [
      { name: 'ask_owner', description: 'Asks.', parameters: { type: 'object', properties: {} } },
    ];
    const seen: string[] = [];
    let release: () => void = () => undefined;
    const both = new Promise<void>((resolve) => (release = resolve));
    const { answer, of } = await run(
      [
        line('tool', 'ask_owner', { q: 1 }),
        line('also', 'ask_owner', { q: 2 }),
        '@say {{tool_results}}',
      ].join('\n'),
      {
        task: { functions },
        onFunction: async (call) => {
          seen.push(call.id);
          if (seen.length === 2) release();
          await both;
          return { ok: true, output: `got ${call.arguments}` };
        },
      },
    );
    expect(answer).toMatch(/got \{"q":1\}\s+got \{"q":2\}/);
    expect(new Set(seen).size).toBe(2);
    expect(of('function_call').map(({ name }) => name)).toEqual(['ask_owner', 'ask_owner']);
  });

  test('a function that nobody answered in time is told to the model', async () => {
    const { answer, of } = await run(`${line('tool', 'ask_owner', {})}\n@say {{last_tool_result}}`, {
      task: { functions: [{ name: 'ask_owner', description: '', parameters: { type: 'object' } }] },
      onFunction: () => Promise.resolve({ ok: false, output: 'Nobody answered in time.' }),
    });
    expect(answer).toBe('Error: Nobody answered in time.');
    expect(of('tool_result')[0]).toMatchObject({ ok: false });
  });

  test('an answer that breaks off is asked for again', async () => {
    const { answer, of } = await run('@cut after 5 tokens times 1\n@stream 30 tokens');
    expect(answer).not.toBeUndefined();
    expect(of('status').map(({ status }) => status)).toContain('the answer broke off, asking again');
  });

  test('a refusal, a filtered answer and a cut one are told apart', async () => {
    const refused = await run('@refuse I will not.');
    expect(refused.error).toMatchObject({ code: 'agent_refused', details: { by: 'model' } });
    expect(
      refused
        .of('text')
        .map(({ text }) => text)
        .join(''),
    ).toBe('I will not.');
    const filtered = await run('@say half\n@finish content_filter');
    expect(filtered.error).toMatchObject({ code: 'agent_refused', details: { by: 'filter' } });
    const cut = await run('@answer one \n@say two\n@finish length', { claw: { maxSteps: 2 } });
    expect([cut.answer, cut.error?.code]).toEqual(['one', undefined]);
    const gone = await run('@say one \n@finish length');
    expect(gone.answer ?? gone.error?.code).toMatch(/^one|agent_answer_cut/);
  });

  test('images reach the model', async () => {
    const { answer } = await run('@say saw: {{images}}', {
      files: { 'a.png': PIXEL },
      task: { images: [{ name: 'a.png', type: 'image/png', detail: 'auto' }] },
    });
    expect(answer).toMatch(/PNG[^]*1\D+1/i);
  });

  test('a model that is held to a schema keeps to it', async () => {
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' }, size: { type: 'integer', minimum: 7 } },
      required: ['city', 'size'],
      additionalProperties: false,
    };
    const { answer, of } = await run('Describe a town.', {
      task: { answer: { type: 'json_schema', schema } },
      claw: { tools: [] },
    });
    expect(JSON.parse(answer ?? '')).toMatchObject({ city: expect.any(String), size: expect.any(Number) });
    expect(of('status')).toHaveLength(1);
  });

  test('what the provider refuses is shown in its words', async () => {
    expect((await run('@fail 400')).error).toMatchObject({
      code: 'agent_failed',
      details: { status: 400, providerMessage: expect.stringMatching(/\w/) },
    });
    expect((await run('@say x', { claw: { model: 'no-such-model' } })).error).toMatchObject({
      code: 'model_unknown',
    });
  });

  test('the step limit ends a loop, and at the last step no tool runs', async () => {
    const { error, of } = await run(`@repeat 9 ${line('tool', 'shell', { command: 'true' })}`, {
      claw: { maxSteps: 3 },
    });
    expect(error).toEqual({ code: 'agent_step_limit', details: { maxSteps: 3 } });
    expect(of('tool_call')).toHaveLength(2);
  });

  test('JSON by a schema is given as it fits', async () => {
    const schema = {
      type: 'object',
      properties: { n: { type: 'integer' } },
      required: ['n'],
      additionalProperties: false,
    };
    const { answer } = await run('@say {"n": 3}', { task: { answer: { type: 'json_schema', schema } } });
    expect(JSON.parse(answer ?? '')).toEqual({ n: 3 });
  });

  test('an answer of the wrong form is repaired once', async () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
    const repaired = await run('@answer {"n": "three"}\n@answer {"n": 3}', {
      task: { answer: { type: 'json_schema', schema } },
    });
    expect(JSON.parse(repaired.answer ?? '')).toEqual({ n: 3 });
    expect(repaired.of('status').map(({ status }) => status)).toContain(
      'the answer does not fit the form, asking once more',
    );
    const failed = await run('@answer {"n": "secret"}\n@answer {"n": "secret"}', {
      task: { answer: { type: 'json_schema', schema } },
    });
    expect(failed.error).toEqual({ code: 'agent_answer_invalid', details: { errors: '/n type' } });
  });

  test('a JSON answer may be any object, but no text', async () => {
    expect(
      (await run('@answer ```json\\n{"a":1}\\n```', { task: { answer: { type: 'json' } } })).answer,
    ).toBe('{"a":1}');
    expect(
      (await run('@answer no\n@answer [1]', { task: { answer: { type: 'json' } } })).error,
    ).toMatchObject({
      code: 'agent_answer_invalid',
      details: { errors: 'It is not a JSON object' },
    });
  });
});

test('near the end of its time it is told to come to an end', async () => {
  const script = ['@tool shell {"command":"sleep 1"}', '@say {{last_tool_result}}'].join('\n');
  const { answer } = await bench.run(script, { deadlineMs: 20_000 });
  expect(answer).not.toContain('come to an end');
  const late = await bench.run(script.replace('sleep 1', 'sleep 10'), { deadlineMs: 2_500 });
  expect(late.answer).toContain('timed out after 1 s');
});

test('two tools of one name fail the task', async () => {
  const { error } = await bench.run('@say x', {
    task: { functions: [{ name: 'shell', description: '', parameters: { type: 'object' } }] },
  });
  expect(error).toMatchObject({
    code: 'agent_failed',
    details: { reason: expect.stringContaining('shell') },
  });
});

test('it checks the answers of other agents in a process of its own', () => {
  const ask = (question: unknown): unknown =>
    JSON.parse(
      execFileSync(process.execPath, [bench.entry, '--validate'], {
        input: JSON.stringify(question),
      }).toString(),
    );
  expect(ask({ schema: { type: 'object', required: ['a'] }, answer: '{"a":1}' })).toEqual({ valid: true });
  expect(ask({ schema: { type: 'object', required: ['a'] }, answer: '{}' })).toEqual({
    valid: false,
    errors: ['/ required'],
  });
});
