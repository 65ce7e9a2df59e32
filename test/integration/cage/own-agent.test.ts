import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StartMessage } from '#protocol/link-messages.ts';
import { CageUnderTest } from './cage-bench.ts';
import { MeterBench } from './meter-bench.ts';
import { AgentBench } from '../../support/agent.ts';

let bench: MeterBench;
/** Bundled: what checks an answer has a few seconds for it, its start included. */
let agent: AgentBench;
beforeAll(async () => {
  bench = await MeterBench.start();
  agent = await AgentBench.prepare(bench.provider);
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});

const command = (script: string, input: Partial<StartMessage['input']> = {}) => ({
  claw: { command: ['/bin/bash', '-c', script] },
  input,
});
const schema = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };

describe('the task of an agent', () => {
  test('comes on stdin and as a file, the same', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run(
      'What to do?',
      command('cat >stdin; cmp stdin "$CLAWCAGE_TASK_FILE" && cat stdin'),
    );
    expect(JSON.parse(result.answer!)).toMatchObject({
      task: { text: 'What to do?', answer: { type: 'text' }, functions: [] },
      claw: { name: 'tester', model: 'gpt-4o' },
    });
  });

  test('names its model', async () => {
    await using cage = new CageUnderTest(bench);
    expect((await cage.run('', command('echo $OPENAI_MODEL $CLAWCAGE_MODEL'))).answer).toBe(
      'gpt-4o gpt-4o\n',
    );
  });

  test('brings the Claw’s certificate authorities beside the system’s, and only where it has some', async () => {
    await using cage = new CageUnderTest(bench);
    const ca = bench.provider.caPem;
    const show = 'cat "$SSL_CERT_FILE"; env | grep -c "=$SSL_CERT_FILE$"';
    const { answer } = await cage.run('', { ...command(show), ca });
    expect(answer).toContain(ca.trim());
    expect(answer!.split('BEGIN CERTIFICATE').length).toBeGreaterThan(2);
    expect(answer!.trim().split('\n').at(-1)).toBe('9');
  });
});

describe('the answer of an own command', () => {
  test.each([
    [
      'what it said on descriptor 3',
      `echo '{"kind":"answer","text":"said"}' >&3; mkdir out; echo file >out/answer.json; echo plain`,
      'said',
    ],
    ['else /work/out/answer.json', 'mkdir out; printf file >out/answer.json; echo plain', 'file'],
    ['else its stdout', 'mkdir out; ln -s /etc/passwd out/answer.json; echo plain', 'plain\n'],
  ])('is %s', async (_, script, answer) => {
    await using cage = new CageUnderTest(bench);
    expect(await cage.run('', command(script))).toMatchObject({ state: 'succeeded', answer });
  });

  test('is none where it exits with another code than 0', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run(
      '',
      command('mkdir out; echo x >out/answer.json; echo plain; kill -TERM $$'),
    );
    expect(result.error).toMatchObject({
      code: 'agent_failed',
      details: { exitCode: null, signal: 'SIGTERM' },
    });
    expect(cage.all('output_file')).toEqual([]);
  });

  test('is refused with the reason where it is too long', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run('', command('head -c 300000 /dev/zero'));
    expect(result.error).toMatchObject({ code: 'agent_failed' });
    expect(result.error!.details!['reason']).toMatch(/on stdout is longer than 262144 bytes/);
  });

  test.each([
    ['fits the schema', 'echo \'{"n":1}\'', { type: 'json_schema', schema } as const, 'succeeded'],
    ['is JSON', 'echo \'{"any":[]}\'', { type: 'json' } as const, 'succeeded'],
    [
      'does not fit the schema',
      'echo \'{"n":"secret"}\'',
      { type: 'json_schema', schema } as const,
      'failed',
    ],
    ['is no JSON', 'echo secret', { type: 'json' } as const, 'failed'],
  ])('that %s', async (_, script, answer, state) => {
    await using cage = new CageUnderTest(bench, { agentEntry: agent.entry });
    const result = await cage.run('', command(script, { answer }));
    expect([result.state, result.error?.code]).toEqual([
      state,
      state === 'failed' ? 'agent_answer_invalid' : undefined,
    ]);
    expect(JSON.stringify(result.error ?? '')).not.toContain('secret');
  });

  test('against a schema that takes for ever is not waited for', async () => {
    await using cage = new CageUnderTest(bench);
    const hostile = { type: 'string', pattern: '^(a+)+$' };
    const result = await cage.run(
      '',
      command(`printf '"%s!"' $(printf 'a%.0s' $(seq 60))`, {
        answer: { type: 'json_schema', schema: hostile },
      }),
    );
    expect(result.error).toMatchObject({ code: 'agent_answer_invalid' });
  });
});

describe('what an agent writes to stderr', () => {
  test('becomes events, and no part of an error', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run('', command('echo one >&2; printf two >&2; exit 3'));
    expect(cage.events('log').map(({ text }) => text)).toEqual(['one', 'two']);
    expect(result.error?.details).toEqual({
      reason: 'It ended without an answer.',
      exitCode: 3,
      signal: null,
    });
  });
});

describe('the files in /work/out', () => {
  test('come before the result, whole, but for the answer and for links', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run(
      '',
      command(`mkdir -p out/a && head -c 500000 /dev/urandom >out/a/big && printf x >out/small && : >out/empty &&
        ln -s /etc/passwd out/link && printf done >out/answer.json && sha256sum <out/a/big`),
    );
    expect(result.answer).toBe('done');
    const pieces = cage.all('output_file');
    expect(pieces.map(({ path, piece, last }) => [path, piece, last])).toEqual([
      ['a/big', 0, false],
      ['a/big', 1, false],
      ['a/big', 2, true],
      ['empty', 0, true],
      ['small', 0, true],
    ]);
    expect(cage.said.at(-1)?.type).toBe('result');
    expect(cage.events('log').map(({ text }) => text)).toEqual([
      '/work/out/link was left out: it is a link.',
    ]);
  });

  test('that are too many or too large fail the task with what the limits are', async () => {
    await using cage = new CageUnderTest(bench);
    const result = await cage.run('', command('mkdir out; truncate -s 17M out/big'));
    expect(result.error).toMatchObject({
      code: 'output_too_large',
      details: { path: 'big', bytes: 17 * 1024 * 1024, limitBytes: 16 * 1024 * 1024 },
    });
  });

  test('are not sent of a task that failed', async () => {
    await using cage = new CageUnderTest(bench);
    await cage.run('', command('mkdir out; echo x >out/file; exit 1'));
    expect(cage.all('output_file')).toEqual([]);
  });
});
