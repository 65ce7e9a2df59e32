import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli, homeOf, scratchHome } from '../../support/cli.ts';
import { FakeApi } from '../../support/fake-api.ts';

let api: FakeApi;
let home: ReturnType<typeof scratchHome>;
const run = (...argv: string[]) =>
  cli(['run', 'writer', 'x', '--json', ...argv], {
    env: { CLAWCAGE_HOME: home.path, PATH: process.env.PATH },
  });

beforeEach(async () => {
  home = scratchHome();
  api = await new FakeApi().start();
  api.addClaw('writer');
  homeOf(home.path, api);
});
afterEach(async () => {
  await api.stop();
  home[Symbol.dispose]();
});

const file = (name: string, content: string): string => {
  const path = join(home.path, name);
  writeFileSync(path, content);
  return path;
};
const sent = () => api.tasks.get('task_1')?.body;

describe('run', () => {
  it('sends images, a schema, the priority and the times', async () => {
    const { code } = await run(
      '--image',
      file('a.png', 'PNG'),
      '--schema',
      file('s.json', '{"type":"object"}'),
      '--priority',
      '-7',
      '--not-before',
      '2099-03-01T08:00:00Z',
      '--deadline',
      '2099-03-02',
      '--webhook',
      'https://a.example/hook',
    );
    expect(code).toBe(0);
    expect(sent()).toMatchObject({
      images: [{ name: 'a.png', data: Buffer.from('PNG').toString('base64') }],
      answer: { type: 'json_schema', schema: { type: 'object' } },
      priority: -7,
      notBefore: '2099-03-01T08:00:00.000Z',
      deadline: '2099-03-02T00:00:00.000Z',
      webhook: 'https://a.example/hook',
    });
  });

  it('takes a delay, a deadline from now, and JSON of any form', async () => {
    await run('--delay', '2d', '--deadline', '1h', '--json-answer');
    expect(sent()).toMatchObject({ delayMs: 172_800_000, answer: { type: 'json' } });
    expect(Math.abs(Date.parse(sent()!.deadline!) - Date.now() - 3600_000)).toBeLessThan(60_000);
  });

  it('reads functions in each of the usual forms', async () => {
    const parameters = { type: 'object', properties: { town: { type: 'string' } } };
    const functions = [
      { name: 'a', parameters },
      { type: 'function', function: { name: 'b', description: 'B' } },
      { type: 'function', name: 'c', parameters, strict: true },
    ];
    await run('--functions', file('f.json', JSON.stringify(functions)));
    expect(sent()?.functions?.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  it.each([
    ['an image that is not there', ['--image', '/nowhere/a.png'], '/nowhere/a.png: ENOENT'],
    ['two ways to ask for JSON', ['--schema', 'x', '--json-answer'], 'leave --json-answer out'],
    ['two beginnings', ['--delay', '5m', '--not-before', '2099-01-01'], 'give this or --not-before'],
    ['a handler without its function', ['--on-function', 'weather=./x'], 'weather is none of the functions'],
    ['a handler without a command', ['--on-function', 'weather'], 'NAME=COMMAND'],
  ])('refuses %s before it asks the service', async (_what, options, problem) => {
    const { code, stderr } = await run(...options);
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
    expect(api.seen).toEqual([]);
  });

  it.each([
    ['--priority', '101'],
    ['--deadline', 'soon'],
    ['--delay', '31d'],
    ['--timeout', '5'],
  ])('refuses %s %s as a usage error', async (...options) => {
    expect((await run(...options)).code).toBe(2);
  });

  it.each([
    ['--schema', '[1]', 'is no JSON Schema'],
    ['--schema', '{"a":', 'is neither JSON nor YAML'],
    ['--functions', '{"a":1}', 'is no list of functions'],
    ['--functions', '[{"name":"two words"}]', '0.name'],
  ])('refuses a file for %s that holds %s', async (option, content, problem) => {
    const { code, stderr } = await run(option, file('given', content));
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
  });
});

describe('run --on-function', () => {
  const functions = () => file('f.json', '[{"name":"weather"},{"name":"other"}]');

  it('gives the command the arguments and the model what it prints', async () => {
    api.script = async (task) => {
      const { output, ok } = await task.call('weather', '{"town":"Ulm"}');
      task.end('succeeded', { answer: `${ok} ${output}` });
    };
    const { stdout } = await run(
      '--functions',
      functions(),
      '--on-function',
      'weather=cat; echo " from $CLAWCAGE_FUNCTION"',
    );
    expect(JSON.parse(stdout).answer).toBe('true {"town":"Ulm"} from weather');
  });

  it('tells the model that it failed, with what it wrote to stderr', async () => {
    api.script = async (task) => {
      const { output, ok } = await task.call('weather', '{}');
      task.end('succeeded', { answer: `${ok} ${output}` });
    };
    const { stdout } = await run(
      '--functions',
      functions(),
      '--on-function',
      'weather=echo no such town >&2; exit 3',
    );
    expect(JSON.parse(stdout).answer).toBe('false it ended with 3: no such town');
  });

  it('answers each call once, also where its events come again over a new connection', async () => {
    const runs = join(home.path, 'runs');
    api.script = async (task) => {
      const first = task.call('weather', '1');
      api.cutConnections();
      await first;
      const all = await Promise.all(['2', '3'].map((args) => task.call('weather', args)));
      task.end('succeeded', { answer: all.map(({ output }) => output).join() });
    };
    const { stdout } = await run(
      '--functions',
      functions(),
      '--on-function',
      `weather=a=$(cat); echo "$a" >> ${runs}; printf %s "$a"`,
    );
    expect(JSON.parse(stdout).answer).toBe('2,3');
    expect(readFileSync(runs, 'utf8').split('\n').filter(Boolean).toSorted()).toEqual(['1', '2', '3']);
  });

  it('leaves a call that has no command to somebody else', async () => {
    api.script = async (task) => {
      const answered = task.call('other', '{}');
      const said = await cli(['tasks', 'calls', task.id], { env: { CLAWCAGE_HOME: home.path } });
      expect(said.stdout).toMatch(/call_1 +other/);
      const answer = ['tasks', 'answer', task.id, 'call_1', '-'];
      expect((await cli(answer, { env: { CLAWCAGE_HOME: home.path }, stdin: 'by hand\n' })).stdout).toBe(
        'Call call_1 answered.\n',
      );
      expect((await cli(answer, { env: { CLAWCAGE_HOME: home.path }, stdin: 'again' })).stderr).toContain(
        'error[function_call_answered]',
      );
      task.end('succeeded', { answer: (await answered).output });
    };
    const { stdout } = await run('--functions', functions(), '--on-function', 'weather=true');
    expect(JSON.parse(stdout).answer).toBe('by hand');
  });
});
