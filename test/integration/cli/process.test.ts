import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeOf, scratchHome } from '../../support/cli.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeApi } from '../../support/fake-api.ts';

const COMMAND = join(import.meta.dirname, '../../../bin/clawcage');
const KEY = 'sk-canary-process-0123456789';
let api: FakeApi;
let home: ReturnType<typeof scratchHome>;
const children: ChildProcess[] = [];

beforeEach(async () => {
  home = scratchHome();
  api = await new FakeApi().start();
  api.addClaw('writer');
  homeOf(home.path, api);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await api.stop();
  home[Symbol.dispose]();
});

/** The command as people call it, in a process of its own. */
function start(argv: readonly string[], program = COMMAND, args = argv) {
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH, TERM: 'xterm', CLAWCAGE_HOME: home.path },
    stdio: 'pipe',
  });
  children.push(child);
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => void (out.stdout += chunk));
  child.stderr.on('data', (chunk: Buffer) => void (out.stderr += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return { child, out, ended };
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The same in a pseudo-terminal, by script(1). */
const startInTerminal = (argv: readonly string[]) =>
  start(argv, 'script', [
    '--quiet',
    '--return',
    '--flush',
    '--command',
    [COMMAND, ...argv].map(quoted).join(' '),
    '/dev/null',
  ]);

describe('the process of the command', () => {
  it('has the secret neither among its arguments nor in its environment while it sends it', async () => {
    const { child, out, ended } = start(['keys', 'add', 'work', '--provider', 'openai']);
    child.stdin.write(KEY);
    await eventually(() => expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')).toContain('main.ts'));
    expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')).not.toContain(KEY);
    expect(readFileSync(`/proc/${child.pid}/environ`, 'utf8')).not.toContain(KEY);
    child.stdin.end('\n');
    expect(await ended).toBe(0);
    expect(api.secrets.get('work')).toBe(KEY);
    expect(out.stdout + out.stderr).not.toContain(KEY);
  });

  it('cancels its task at SIGINT and ends with 130', async () => {
    api.script = (task) => task.state('running');
    const { child, out, ended } = start(['run', 'writer', 'x']);
    await eventually(() => expect(out.stderr).toContain('running'));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(api.tasks.get('task_1')?.reply.task.state).toBe('cancelled');
  });

  it('ends by itself when its work is done, with a stream of text cut off by its reader', async () => {
    for (let n = 0; n < 200; n++) api.addTask({ claw: 'writer', text: 'x', files: [] });
    const { out, ended } = start([], 'sh', ['-c', `${quoted(COMMAND)} tasks list | head -1`]);
    expect(await ended).toBe(0);
    expect(out.stdout).toMatch(/^ID /);
    expect(out.stderr).toBe('');
  });
});

describe('on a terminal', () => {
  it('asks for the secret without showing it', async () => {
    const { child, out, ended } = startInTerminal(['keys', 'add', 'work', '--provider', 'openai']);
    await eventually(() => expect(out.stdout).toContain('Secret of key work (hidden): '));
    child.stdin.write(`${KEY}\r`);
    expect(await ended).toBe(0);
    expect(api.secrets.get('work')).toBe(KEY);
    expect(out.stdout).not.toContain(KEY);
  });

  it('shows a spinner while nothing comes, and leaves only text and facts behind', async () => {
    let finish: (() => void) | undefined;
    api.script = (task) => {
      task.state('running');
      finish = () => {
        task.emit({ kind: 'text', text: 'Hello' });
        task.end('succeeded', { answer: 'Hello' });
      };
    };
    const { out, ended } = startInTerminal(['run', 'writer', 'x']);
    await eventually(() => expect(out.stdout).toMatch(/[⠋⠙⠹].* running/));
    finish!();
    expect(await ended).toBe(0);
    // What is left of each line after the last time that it was erased.
    const lines = out.stdout.replaceAll('\r\n', '\n').split('\n');
    expect(lines.map((line) => line.split('\x1b[2K').at(-1)).join('\n')).toMatch(
      /^Hello\n.*task_1 succeeded in 1\.50 s/,
    );
  });
});
