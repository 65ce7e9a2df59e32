import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli, homeOf, scratchHome } from '../../support/cli.ts';
import { FakeApi } from '../../support/fake-api.ts';

let api: FakeApi;
let home: ReturnType<typeof scratchHome>;
const run = (argv: string[], stdin?: string) =>
  cli(argv, { env: { CLAWCAGE_HOME: home.path }, ...(stdin !== undefined && { stdin }) });

beforeEach(async () => {
  home = scratchHome();
  api = await new FakeApi().start();
  api.addKey('work');
  homeOf(home.path, api);
});
afterEach(async () => {
  await api.stop();
  home[Symbol.dispose]();
});

const WRITER = 'name: writer\nmodel: gpt-4.1-mini\nkey: work\n';
const READER = 'name: reader\nmodel: gpt-4.1-mini\nkey: work\ntimeout: 5m\n';
const file = (text: string): string => {
  const path = join(home.path, 'claws.yaml');
  writeFileSync(path, text);
  return path;
};
const changes = () =>
  api.seen.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`);

describe('claws apply', () => {
  it('creates what is not there, and a second time changes nothing and says so', async () => {
    const path = file(`${WRITER}---\n${READER}deploy: true\n`);
    expect(await run(['claws', 'apply', '-f', path])).toEqual({
      code: 0,
      stdout: 'writer created\nreader created\n',
      stderr: '',
    });
    expect(api.claws.get('reader')).toMatchObject({ state: 'deployed', timeoutMs: 300_000 });
    const before = changes().length;
    expect((await run(['claws', 'apply', '-f', path])).stdout).toBe('writer unchanged\nreader unchanged\n');
    expect(changes()).toHaveLength(before);
  });

  it('sends only what differs, and names it', async () => {
    await run(['claws', 'apply', '-f', file(WRITER)]);
    const { stdout } = await run(
      ['claws', 'apply', '-f', '-'],
      `${WRITER}retry: { attempts: 5 }\nmodels: { images: [x] }\n`,
    );
    expect(stdout).toBe('writer changed (models, retry.attempts)\n');
    expect(api.patches).toEqual([
      {
        models: { images: ['x'] },
        retry: { attempts: 5, backoffMs: 1000, maxBackoffMs: 60_000, idempotent: false },
      },
    ]);
  });

  it('sets what is left out back to its default, and leaves alone whether it is deployed', async () => {
    api.addClaw('writer', 'deployed', { model: 'gpt-4.1-mini', key: 'work', maxSteps: 7 });
    const { stdout } = await run(['claws', 'apply', '-f', file(WRITER)]);
    expect(stdout).toBe('writer changed (requestsPerMinute, tokensPerMinute, maxSteps)\n');
    expect(api.claws.get('writer')).toMatchObject({ maxSteps: 50, tokensPerMinute: null, state: 'deployed' });
    expect((await run(['claws', 'apply', '-f', file(`${WRITER}deploy: false\n`)])).stdout).toBe(
      'writer changed (deploy)\n',
    );
    expect(api.claws.get('writer')?.state).toBe('stopped');
  });

  it('only says what would happen with --dry-run', async () => {
    const { stdout } = await run(['claws', 'apply', '-f', file(WRITER), '--dry-run', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      dryRun: true,
      claws: [{ name: 'writer', action: 'created', fields: [] }],
    });
    expect((await run(['claws', 'apply', '-f', file(WRITER), '--dry-run'])).stdout).toBe(
      'writer would be created\n',
    );
    expect(changes()).toEqual([]);
  });

  it('sends nothing where one document of several is wrong, or names a key that is not there', async () => {
    const wrong = await run(['claws', 'apply', '-f', file(`${WRITER}---\n${READER}maxStep: 3\nbogus: 1\n`)]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(
      /^error\[claw_file_invalid\]: .*\n {2}.*claws\.yaml:9:1: maxStep: .*did you mean maxSteps\?\n {2}.*:10:1: bogus: /,
    );
    const noKey = await run([
      'claws',
      'apply',
      '-f',
      file(`${WRITER}---\n${READER.replace('work', 'gone')}`),
    ]);
    expect(noKey.code).toBe(2);
    expect(noKey.stderr).toContain(
      'claws.yaml:7:1: key: there is no key of that name: clawcage keys add gone',
    );
    expect(changes()).toEqual([]);
  });

  it('has all problems in its JSON', async () => {
    const { stderr } = await run(['claws', 'apply', '-f', file(`${WRITER}a: 1\nb: 2\n`), '--json']);
    expect(JSON.parse(stderr).error).toMatchObject({
      code: 'claw_file_invalid',
      details: { problems: [expect.any(String), expect.any(String)] },
    });
  });
});

describe('claws diff', () => {
  it('shows old and new of each field, and exits with 1', async () => {
    api.addClaw('writer', 'stopped', {
      model: 'gpt-4.1-mini',
      key: 'work',
      tokensPerMinute: null,
      requestsPerMinute: null,
    });
    const { code, stdout } = await run([
      'claws',
      'diff',
      '-f',
      file(`${WRITER.replace('4.1-mini', '5')}egress: [a.example]\n---\n${READER}`),
    ]);
    expect(code).toBe(1);
    expect(stdout).toBe(
      'writer\n  - model: gpt-4.1-mini\n  + model: gpt-5\n  - egress: []\n  + egress:\n  +   - a.example\nreader (new)\n  + model: gpt-4.1-mini\n  + key: work\n  + timeout: 5m\n',
    );
    expect(changes()).toEqual([]);
  });

  it('exits with 0 and says so where nothing differs', async () => {
    await run(['claws', 'apply', '-f', file(WRITER)]);
    expect(await run(['claws', 'diff', '-f', file(WRITER)])).toEqual({
      code: 0,
      stdout: 'No difference.\n',
      stderr: '',
    });
  });
});

describe('claws export', () => {
  it('applies back to no change, whole or without defaults', async () => {
    api.addClaw('writer', 'deployed', {
      key: 'work',
      instructions: 'Two\n  lines: "here"\n',
      agent: { command: ['bash', '-c', 'x # y'], image: null, tools: ['shell'], mcp: {} },
    });
    api.addClaw('reader', 'stopped', { key: 'work', ca: '-----BEGIN CERTIFICATE-----\nAAAA\n' });
    for (const full of [[], ['--full']]) {
      const { stdout } = await run(['claws', 'export', ...full]);
      expect(stdout.startsWith('name: reader\n')).toBe(true);
      expect((await run(['claws', 'apply', '-f', '-'], stdout)).stdout).toBe(
        'reader unchanged\nwriter unchanged\n',
      );
    }
  });

  it('leaves out what is at its default, and gives only the Claws that are named', async () => {
    api.addClaw('writer', 'stopped', { key: 'work' });
    api.addClaw('reader');
    expect((await run(['claws', 'export', 'writer'])).stdout).toBe(
      'name: writer\nmodel: sim-1\nkey: work\nrequestsPerMinute: 30\ntokensPerMinute: 60000\n',
    );
    expect((await run(['claws', 'export', 'nobody'])).code).toBe(5);
  });
});

it('claws schema prints a JSON Schema', async () => {
  expect(JSON.parse((await run(['claws', 'schema'])).stdout)).toMatchObject({
    type: 'object',
    required: ['name', 'model', 'key'],
  });
});

describe('claws create and update', () => {
  const create = (...options: string[]) =>
    run(['claws', 'create', 'writer', '--model', 'm', '--key', 'work', ...options]);

  it('take a command, an image, hosts and a number at once', async () => {
    await create(
      '--command',
      'echo hi',
      '--concurrency',
      '4',
      '--egress',
      'pypi.org',
      '--egress',
      'a.example:8443',
    );
    expect(api.claws.get('writer')).toMatchObject({
      agent: { command: ['bash', '-c', 'echo hi'] },
      concurrency: 4,
      egress: ['pypi.org', 'a.example:8443'],
    });
    await create('--command', 'echo hi', '--image', 'alpine:3');
    expect(api.claws.get('writer')).toMatchObject({
      agent: { command: ['sh', '-c', 'echo hi'], image: 'alpine:3' },
    });
  });

  it('take any field of claw.yaml as an option', async () => {
    await create(
      '--option',
      'api=responses',
      '--option',
      'models.images=[gpt-image-2]',
      '--option',
      'retry.attempts=5',
      '--option',
      'timeout=90s',
    );
    expect(api.claws.get('writer')).toMatchObject({
      api: 'responses',
      models: { images: ['gpt-image-2'] },
      retry: { attempts: 5, backoffMs: 1000 },
      timeoutMs: 90_000,
    });
  });

  it.each([
    [
      ['--option', 'retry.atempts=5'],
      '--option retry.atempts: there is no such field; did you mean attempts?',
    ],
    [['--option', 'timeout=5000000'], '--option timeout: a whole number and ms, s, m, h or d'],
    [['--option', 'novalue'], 'KEY=VALUE'],
    [['--option', 'models=[a'], 'the value is not YAML'],
    [['--option', '__proto__.x=1'], '__proto__.x is no field of a Claw'],
    [['--egress', 'two words'], '--egress: host, host:port or http://host:port'],
    [
      ['--option', 'agent.mcp.a={command: [x], env: {T: sk-proj-AbC0123456789012345678}}'],
      'clawcage keys add',
    ],
  ])('refuse %o', async (options, problem) => {
    const { code, stderr } = await create(...options);
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
    expect(stderr).not.toContain('sk-proj');
    expect(api.claws.size).toBe(0);
  });

  it('change only what was named', async () => {
    await create('--option', 'retry.attempts=5', '--tpm', '1000', '--rpm', '5');
    const { stdout } = await run([
      'claws',
      'update',
      'writer',
      '--model',
      'n',
      '--option',
      'retry.idempotent=true',
      '--option',
      'tokensPerMinute=null',
      '--rpm',
      'none',
    ]);
    expect(stdout).toMatch(/^Claw writer changed \((?=.*model)(?=.*tokensPerMinute)(?=.*requestsPerMinute)/);
    expect(api.claws.get('writer')).toMatchObject({
      model: 'n',
      tokensPerMinute: null,
      requestsPerMinute: null,
      retry: { attempts: 5, idempotent: true },
    });
    expect((await run(['claws', 'update', 'writer', '--model', 'n'])).stdout).toContain('unchanged');
    expect((await run(['claws', 'update', 'writer'])).code).toBe(2);
    expect((await run(['claws', 'update', 'nobody', '--model', 'n'])).code).toBe(5);
  });
});
