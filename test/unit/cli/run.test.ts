import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli, homeOf, scratchHome, startCli } from '../../support/cli.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeApi } from '../../support/fake-api.ts';
import type { ScriptedTask } from '../../support/fake-task.ts';

let api: FakeApi;
let home: ReturnType<typeof scratchHome>;
const env = () => ({ CLAWCAGE_HOME: home.path });
const run = (argv: string[], stdin?: string) =>
  cli(argv, { env: env(), ...(stdin !== undefined && { stdin }) });

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

/** Starts a run whose task waits for the test to go on with it. */
async function held(argv: string[], options: { tty?: boolean } = {}) {
  let given: ((task: ScriptedTask) => void) | undefined;
  const task = new Promise<ScriptedTask>((resolve) => (given = resolve));
  api.script = (it) => given!(it);
  const started = startCli(argv, { env: env(), ...options });
  const scripted = await task;
  await eventually(() => expect(api.watchersOf(scripted.id)).toBe(1));
  return { ...started, task: scripted };
}

describe('run', () => {
  it('prints the fixed form with --json, and nothing else', async () => {
    const { code, stdout, stderr } = await run(['run', 'writer', 'Say hello', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      task: { id: 'task_1', state: 'succeeded' },
      answer: 'Say hello',
      usage: { requests: 2, inputTokens: 100, outputTokens: 23, totalTokens: 123 },
    });
  });

  it('streams the text to stdout as it comes, and progress to stderr', async () => {
    const { task, terminal, ended } = await held(['run', 'writer', 'x']);
    task.state('running');
    task.emit({ kind: 'text', text: 'Hel' });
    await eventually(() => expect(terminal.written.stdout).toBe('Hel'));
    task.emit({ kind: 'text', text: 'lo' });
    task.end('succeeded', { answer: 'Hello' });
    const { code, stdout, stderr } = await ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Hello\n' });
    expect(stderr).toContain('running\n');
    expect(stderr).toContain('task_1 succeeded in 1.50 s · 123 tokens (100 in, 23 out), 2 requests');
  });

  it('shows tool calls on stderr only, and keeps the turns apart on stdout', async () => {
    const { task, ended } = await held(['run', 'writer', 'x']);
    task.emit({ kind: 'text', text: 'I will count.' });
    task.emit({ kind: 'tool_call', id: '1', name: 'shell', arguments: '{"command":"wc in/a"}' });
    task.emit({ kind: 'tool_result', id: '1', name: 'shell', ok: true, output: '3 a' });
    task.emit({ kind: 'text', text: '3 lines' });
    task.end('succeeded', { answer: '3 lines' });
    const { stdout, stderr } = await ended;
    expect(stdout).toBe('I will count.\n3 lines\n');
    expect(stderr).toContain('→ shell {"command":"wc in/a"}\n✓ shell\n');
  });

  it('deploys a Claw that is not deployed', async () => {
    api.addClaw('writer', 'stopped');
    const { code } = await run(['run', 'writer', 'x', '--json']);
    expect(code).toBe(0);
    expect(api.claws.get('writer')?.state).toBe('deployed');
  });

  it('sends files by their names, the time limit, and an idempotency key', async () => {
    writeFileSync(join(home.path, 'a.txt'), 'one two');
    await run(['run', 'writer', 'x', '--file', join(home.path, 'a.txt'), '--timeout', '90s', '--json']);
    expect(api.tasks.get('task_1')?.body).toMatchObject({
      text: 'x',
      files: [{ name: 'a.txt', data: Buffer.from('one two').toString('base64') }],
      timeoutMs: 90_000,
    });
    expect(api.seen.find(({ path }) => path.endsWith('/tasks'))?.idempotencyKey).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('reads the text from standard input where it is -', async () => {
    expect(JSON.parse((await run(['run', 'writer', '-', '--json'], 'from a pipe')).stdout).answer).toBe(
      'from a pipe',
    );
  });

  it('does not wait with --detach', async () => {
    api.script = () => {};
    expect(JSON.parse((await run(['run', 'writer', 'x', '--detach', '--json'])).stdout)).toEqual({
      task: { id: 'task_1', state: 'queued' },
    });
    expect((await run(['run', 'writer', 'x', '--detach'])).stdout).toBe('task_2\n');
  });

  it.each([
    ['failed', 'provider_unauthorized', 1],
    ['timed_out', 'task_timed_out', 6],
    ['cancelled', 'task_cancelled', 130],
  ] as const)('ends as a task that %s', async (state, error, exit) => {
    api.script = (task) => task.end(state, { error });
    const json = await run(['run', 'writer', 'x', '--json']);
    expect(json.code).toBe(exit);
    expect(JSON.parse(json.stdout)).toMatchObject({ task: { state, error: { code: error } }, answer: null });
    const { code, stdout, stderr } = await run(['run', 'writer', 'x']);
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
    expect(stderr).toContain(`error[${error}]: `);
  });

  it.each([
    ['a Claw that is not there', ['run', 'nobody', 'x'], 5],
    ['a file that is not there', ['run', 'writer', 'x', '--file', '/nowhere/a'], 2],
    ['two files of one name', ['run', 'writer', 'x', '--file', '/a/x', '--file', '/b/x'], 2],
    ['a folder as a file', ['run', 'writer', 'x', '--file', '/tmp'], 2],
    ['a time without a unit', ['run', 'writer', 'x', '--timeout', '10'], 2],
    ['a time that is too long', ['run', 'writer', 'x', '--timeout', '30d'], 2],
    ['no text', ['run', 'writer'], 2],
  ])('makes no task of %s', async (_, argv, exit) => {
    expect((await run(argv)).code).toBe(exit);
    expect(api.tasks.size).toBe(0);
  });

  it('makes one task where the answer to its creation is lost on the way', async () => {
    api.loseNextAnswer = true;
    expect(await run(['run', 'writer', 'x'])).toMatchObject({ code: 0, stdout: 'x\n' });
    expect(api.seen.filter(({ path, method }) => method === 'POST' && path.endsWith('/tasks'))).toHaveLength(
      2,
    );
    expect(api.tasks.size).toBe(1);
  });
});

describe('Ctrl-C', () => {
  it('cancels the task and ends with 130', async () => {
    const { terminal, ended } = await held(['run', 'writer', 'x']);
    terminal.pressCtrlC();
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toContain('error[task_cancelled]');
    expect(api.tasks.get('task_1')?.reply.task.state).toBe('cancelled');
  });

  it('leaves at the second one, though the task has not ended', async () => {
    api.onCancel = () => {};
    const { terminal, ended } = await held(['run', 'writer', 'x']);
    terminal.pressCtrlC();
    terminal.pressCtrlC();
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toContain('clawcage tasks get task_1');
  });

  it('stops watching and lets the task go on, in tasks watch', async () => {
    const task = api.addTask({ claw: 'writer', text: 'x', files: [] });
    const { terminal, ended } = startCli(['tasks', 'watch', task.id], { env: env() });
    await eventually(() => expect(api.watchersOf(task.id)).toBe(1));
    terminal.pressCtrlC();
    expect((await ended).code).toBe(130);
    expect(api.tasks.get(task.id)?.reply.task.state).toBe('queued');
  });
});

describe('a connection that breaks', () => {
  it('is made again and resumes behind the last event: no text is lost or said twice', async () => {
    const { task, terminal, ended } = await held(['run', 'writer', 'x']);
    task.emit({ kind: 'text', text: 'one ' });
    await eventually(() => expect(terminal.written.stdout).toBe('one '));
    api.cutConnections();
    task.emit({ kind: 'text', text: 'two ' });
    await eventually(() => expect(api.watchersOf(task.id)).toBe(1));
    task.emit({ kind: 'text', text: 'three' });
    task.end('succeeded', { answer: 'one two three' });
    expect(await ended).toMatchObject({ code: 0, stdout: 'one two three\n' });
  });

  it('is waited for while the service is away, and the task ends as ever', async () => {
    const { task, terminal, ended } = await held(['run', 'writer', 'x']);
    task.emit({ kind: 'text', text: 'before ' });
    await eventually(() => expect(terminal.written.stdout).toBe('before '));
    await api.stop();
    await eventually(() => expect(terminal.written.stderr).toContain('the service does not answer'));
    await api.start();
    await eventually(() => expect(api.watchersOf(task.id)).toBe(1));
    task.emit({ kind: 'text', text: 'after' });
    task.end('succeeded', { answer: 'before after' });
    const { code, stdout, stderr } = await ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'before after\n' });
    expect(stderr).toContain('the service is back');
  });

  it('is waited for, too, while the service ends and its server refuses what still comes', async () => {
    const { task, terminal, ended } = await held(['run', 'writer', 'x']);
    api.closing = true;
    api.cutConnections();
    await eventually(() => expect(terminal.written.stderr).toContain('the service does not answer'));
    api.closing = false;
    await eventually(() => expect(api.watchersOf(task.id)).toBe(1));
    task.end('succeeded', { answer: 'all of it' });
    expect(await ended).toMatchObject({ code: 0, stdout: 'all of it\n' });
  });

  it('says so where events are gone, and prints the whole answer at the end', async () => {
    const { task, terminal, ended } = await held(['run', 'writer', 'x']);
    task.emit({ kind: 'text', text: 'one ' });
    await eventually(() => expect(terminal.written.stdout).toBe('one '));
    await api.stop();
    task.emit({ kind: 'text', text: 'two ' });
    task.emit({ kind: 'text', text: 'three' });
    api.keptFrom = 3;
    await api.start();
    await eventually(() => expect(terminal.written.stderr).toContain('missed'));
    task.end('succeeded', { answer: 'one two three' });
    expect((await ended).stdout).toBe('one three\none two three\n');
  });

  it('is done without where the WebSocket is refused: the row tells of the end', async () => {
    api.live = false;
    api.script = (task) => task.end('succeeded', { answer: 'all of it' });
    expect(await run(['run', 'writer', 'x'])).toMatchObject({ code: 0, stdout: 'all of it\n' });
  });
});

describe('a retried attempt', () => {
  it('starts its text anew, and the answer is there once and whole', async () => {
    const { task, ended } = await held(['run', 'writer', 'x']);
    const view = api.tasks.get(task.id)!.reply.task;
    task.emit({ kind: 'state', task: { ...view, state: 'running', epoch: 1 } });
    task.emit({ kind: 'text', text: 'half of' });
    task.emit({ kind: 'state', task: { ...view, state: 'running', epoch: 2 } });
    task.emit({ kind: 'text', text: 'the answer' });
    task.end('succeeded', { answer: 'the answer' });
    const { stdout, stderr } = await ended;
    expect(stdout).toBe('half of\nthe answer\n');
    expect(stderr).toContain('a new attempt starts (the 2nd)');
  });
});

describe('a terminal', () => {
  it('has its spinner taken away before text comes', async () => {
    const { task, terminal, ended } = await held(['run', 'writer', 'x'], { tty: true });
    task.state('running');
    await eventually(() => expect(terminal.written.stderr).toContain('running'));
    task.emit({ kind: 'text', text: 'Hi' });
    task.end('succeeded', { answer: 'Hi' });
    const { stderr, stdout } = await ended;
    expect(stdout).toBe('Hi\n');
    expect(stderr.lastIndexOf('\x1b[2K')).toBeGreaterThan(stderr.lastIndexOf('⠋'));
  });

  it('gets no escape sequences where it is none, or NO_COLOR is set', async () => {
    const { stdout, stderr } = await run(['run', 'nobody', 'x']);
    expect(stdout + stderr).not.toContain('\x1b');
    const quiet = await cli(['run', 'nobody', 'x'], { env: { ...env(), NO_COLOR: '1' }, tty: true });
    expect(quiet.stderr).not.toContain('\x1b[3');
  });
});
