import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../../cli/exit-codes.ts';
import { buildProgram } from '../../../cli/program.ts';
import { placeFrom } from '../../../cli/service/place.ts';
import { cli, homeOf, PROGRAMS, scratchHome, TestTerminal } from '../../support/cli.ts';
import { FakeApi } from '../../support/fake-api.ts';
import { messageOf } from '../../support/fake-task.ts';

const KEY = 'sk-canary-0123456789abcdef';
let api: FakeApi;
let home: ReturnType<typeof scratchHome>;
const env = () => ({ CLAWCAGE_HOME: home.path });
const run = (argv: string[], stdin?: string) =>
  cli(argv, { env: env(), ...(stdin !== undefined && { stdin }) });

beforeEach(async () => {
  home = scratchHome();
  api = await new FakeApi().start();
  homeOf(home.path, api);
});
afterEach(async () => {
  await api.stop();
  home[Symbol.dispose]();
});

describe('keys', () => {
  it('are added from standard input, shown masked, and never whole', async () => {
    const { code, stdout, stderr } = await run(['keys', 'add', 'work', '--provider', 'openai'], `${KEY}\n`);
    expect(code).toBe(0);
    expect(api.secrets.get('work')).toBe(KEY);
    expect(stdout).toBe('Key work added: sk-…cdef, verified.\n');
    expect(stdout + stderr).not.toContain(KEY);
  });

  it('go to another endpoint with its CA, unverified where asked', async () => {
    const ca = join(home.path, 'ca.pem');
    writeFileSync(ca, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const argv = [
      'keys',
      'add',
      'lab',
      '--provider',
      'openai',
      '--base-url',
      'https://llm.example.org/v1',
      '--ca',
      ca,
      '--no-verify',
      '--json',
    ];
    const { stdout } = await run(argv, KEY);
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'lab',
      baseUrl: 'https://llm.example.org/v1',
      verifiedAt: null,
    });
  });

  it('cannot be given as an argument', async () => {
    const { code } = await run(['keys', 'add', 'work', KEY, '--provider', 'openai'], '');
    expect(code).toBe(2);
    expect(api.keys.size).toBe(0);
  });

  it('need a provider that is known', async () => {
    expect((await run(['keys', 'add', 'work'], KEY)).code).toBe(2);
    expect((await run(['keys', 'add', 'work', '--provider', 'openia'], KEY)).code).toBe(2);
  });

  it('are listed, rotated and revoked', async () => {
    await run(['keys', 'add', 'work', '--provider', 'openai'], KEY);
    expect(JSON.parse((await run(['keys', 'list', '--json'])).stdout).items).toHaveLength(1);
    expect((await run(['keys', 'list'])).stdout).toMatch(/^NAME +KEY .*\nwork +sk-…cdef +active/);
    expect(JSON.parse((await run(['keys', 'rotate', 'work', '--json'], `${KEY}2`)).stdout)).toMatchObject({
      version: 2,
    });
    expect(api.secrets.get('work')).toBe(`${KEY}2`);
    expect((await run(['keys', 'revoke', 'work'])).stdout).toBe('Key work revoked.\n');
  });

  it('say what is missing where a CA file cannot be read', async () => {
    const { code, stderr } = await run(
      ['keys', 'add', 'work', '--provider', 'openai', '--ca', '/nowhere/ca.pem'],
      KEY,
    );
    expect(code).toBe(2);
    expect(stderr).toContain('error[usage_invalid]');
    expect(stderr).toContain('/nowhere/ca.pem: ENOENT');
  });
});

describe('claws', () => {
  it('are made, shown, deployed, stopped and deleted', async () => {
    const argv = [
      'claws',
      'create',
      'writer',
      '--model',
      'sim-1',
      '--key',
      'demo',
      '--instructions',
      'Write.',
      '--rpm',
      '5',
      '--tpm',
      '6000',
      '--json',
    ];
    expect(JSON.parse((await run(argv)).stdout)).toMatchObject({
      name: 'writer',
      model: 'sim-1',
      key: 'demo',
      instructions: 'Write.',
      requestsPerMinute: 5,
      tokensPerMinute: 6000,
      state: 'stopped',
    });
    expect((await run(['claws', 'deploy', 'writer'])).stdout).toBe('Claw writer deployed.\n');
    expect((await run(['claws', 'list'])).stdout).toContain('6 000 tokens/min, 5 requests/min');
    expect((await run(['claws', 'get', 'writer'])).stdout).toContain('instructions  Write.');
    expect((await run(['claws', 'stop', 'writer'])).stdout).toBe('Claw writer stopped.\n');
    expect((await run(['claws', 'delete', 'writer'])).code).toBe(0);
    expect(api.claws.size).toBe(0);
  });

  it('are deployed at once with --deploy', async () => {
    await run(['claws', 'create', 'writer', '--model', 'sim-1', '--key', 'demo', '--deploy']);
    expect(api.claws.get('writer')?.state).toBe('deployed');
  });

  it('refuse a cap that is no number', async () => {
    expect((await run(['claws', 'create', 'writer', '--model', 'm', '--key', 'k', '--tpm', '6k'])).code).toBe(
      2,
    );
  });

  it('tell how to begin where there are none', async () => {
    expect((await run(['claws', 'list'])).stdout).toBe(
      'No Claws yet: clawcage claws create NAME --model MODEL --key KEYNAME\n',
    );
  });
});

describe('tasks and usage', () => {
  it('get has the reply of the API', async () => {
    const task = api.addTask({ claw: 'writer', text: 'x', files: [] });
    const { stdout } = await run(['tasks', 'get', task.id, '--json']);
    expect(JSON.parse(stdout)).toEqual(api.tasks.get(task.id)!.reply);
  });

  it('list takes a Claw and a state', async () => {
    api.addTask({ claw: 'writer', text: 'x', files: [] }).end('failed', { error: 'agent_failed' });
    api.addTask({ claw: 'reader', text: 'x', files: [] });
    const { stdout } = await run(['tasks', 'list', '--claw', 'writer', '--state', 'failed', '--json']);
    expect(JSON.parse(stdout).items.map((task: { id: string }) => task.id)).toEqual(['task_1']);
    expect((await run(['tasks', 'list'])).stdout).toContain('agent_failed');
    expect((await run(['tasks', 'list', '--state', 'lost'])).code).toBe(2);
  });

  it('cancel ends the task', async () => {
    const task = api.addTask({ claw: 'writer', text: 'x', files: [] });
    expect((await run(['tasks', 'cancel', task.id])).stdout).toBe(`Task ${task.id} cancelled.\n`);
  });

  it('usage shows tokens and caps', async () => {
    api.addClaw('writer');
    expect(JSON.parse((await run(['usage', 'writer', '--since', '1h', '--json'])).stdout)).toMatchObject({
      usage: { totalTokens: 123 },
    });
    expect((await run(['usage', 'writer'])).stdout).toContain('tokens 123 of 60 000');
    expect((await run(['usage', 'writer', '--since', 'yesterday'])).code).toBe(2);
  });
});

describe('status', () => {
  it('has the fixed form', async () => {
    const { code, stdout } = await run(['status', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ ready: true, url: api.url, pid: null, parts: api.parts });
  });

  it('names the part that is not ready', async () => {
    api.parts = { store: { ok: true }, gate: { ok: false, reason: 'does not answer' } };
    expect(JSON.parse((await run(['status', '--json'])).stdout)).toMatchObject({
      ready: false,
      parts: { gate: { reason: 'does not answer' } },
    });
    expect((await run(['status'])).stdout).toMatch(
      /^Not ready at .*\n {2}✓ store\n {2}✗ gate: does not answer\n/,
    );
  });

  it('ends with 4 where nothing answers, and still prints its form', async () => {
    await api.stop();
    const { code, stdout, stderr } = await run(['status', '--json']);
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ ready: false, parts: {} });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'server_unreachable' } });
  });
});

describe('what goes wrong', () => {
  it('is one line with code, message, details and request id', async () => {
    const { code, stdout, stderr } = await run(['claws', 'get', 'nobody']);
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
    expect(stderr).toBe(`error[not_found]: ${messageOf('not_found')} · request req_test\n`);
  });

  it('is JSON on standard error with --json', async () => {
    const { stderr } = await run(['claws', 'get', 'nobody', '--json']);
    expect(JSON.parse(stderr)).toEqual({
      error: { code: 'not_found', message: messageOf('not_found'), requestId: 'req_test' },
    });
  });

  it('is a refusal where the token is another one', async () => {
    writeFileSync(join(home.path, 'admin-token'), 'clw_wrong\n');
    const { code, stderr } = await run(['keys', 'list']);
    expect(code).toBe(5);
    expect(stderr).toContain('error[not_authenticated]');
  });

  it('is 4 where nothing was ever started there', async () => {
    const empty = join(home.path, 'empty');
    mkdirSync(empty);
    const { code } = await cli(['claws', 'list'], { env: { CLAWCAGE_HOME: empty, CLAWCAGE_PORT: '1' } });
    expect(code).toBe(4);
  });

  it('is a suggestion for a mistyped command, and help for none', async () => {
    const mistyped = await run(['statsu']);
    expect(mistyped.code).toBe(2);
    expect(mistyped.stderr).toContain('Did you mean status?');
    expect((await run([])).code).toBe(2);
    expect((await run(['claws'])).code).toBe(2);
  });

  it('is a clear word where something else answers', async () => {
    api.parts = { store: { ok: 'yes' as unknown as boolean } };
    const { code, stderr } = await run(['status']);
    expect(code).toBe(4);
    expect(stderr).toContain('error[reply_invalid]');
  });
});

describe('help', () => {
  const cliOf = {
    terminal: new TestTerminal(),
    place: placeFrom({}),
    programs: PROGRAMS,
    exitCode: EXIT.done,
  };

  it('of every command has an example, and every command that says something takes --json', () => {
    const leaves = (command: Command, path: string[]): [string[], Command][] =>
      command.commands.length === 0
        ? [[path, command]]
        : command.commands.flatMap((one) => leaves(one, [...path, one.name()]));
    const commands = leaves(buildProgram(cliOf), []).filter(([path]) => path[0] !== 'complete');
    expect(commands.length).toBeGreaterThan(35);
    for (const [path, command] of commands) {
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      const example = new RegExp(`Examples?:\\n(.*\\n)*?.*clawcage ${path.join(' ')}`);
      expect(help, path.join(' ')).toMatch(example);
      expect(help, path.join(' ')).toContain('--json');
      expect(command.description(), path.join(' ')).not.toBe('');
    }
  });

  it('ends with 0 and goes to stdout', async () => {
    const { code, stdout, stderr } = await run(['claws', 'apply', '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('clawcage claws apply -f claw.yaml');
  });
});
