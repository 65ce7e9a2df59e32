import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandOf, runs } from '../../../cli/service/process.ts';
import { cli, PROGRAMS, scratchHome, startCli } from '../../support/cli.ts';
import { eventually } from '../../support/eventually.ts';
import { TOKEN } from '../../support/fake-api.ts';

let home: ReturnType<typeof scratchHome>;
beforeEach(() => {
  home = scratchHome();
});
afterEach(async () => {
  await cli(['down', '--cages'], { env: env() });
  home[Symbol.dispose]();
});

/** The service takes a free port; nothing but what a program needs comes from the machine's own environment. */
const env = (more: Record<string, string> = {}) => ({
  PATH: process.env.PATH,
  CLAWCAGE_HOME: home.path,
  CLAWCAGE_PORT: '0',
  ...more,
});
const up = (argv: string[], more: Record<string, string> = {}) => cli(['up', ...argv], { env: env(more) });
const pidFile = () =>
  JSON.parse(readFileSync(join(home.path, 'clawcage.pid'), 'utf8')) as { pid: number; url: string };
const readJson = (name: string) => JSON.parse(readFileSync(join(home.path, name), 'utf8')) as unknown;

describe('up --detach', () => {
  it('returns when the service is ready, with the fixed form', async () => {
    const { code, stdout } = await up(['--detach', '--no-demo', '--json']);
    expect(code).toBe(0);
    const printed = JSON.parse(stdout);
    expect(printed).toEqual({ ...pidFile(), home: home.path });
    expect(runs(printed.pid, PROGRAMS.service)).toBe(true);
    expect(statSync(join(home.path, 'clawcage.pid')).mode & 0o777).toBe(0o600);
    expect(JSON.parse((await cli(['status', '--json'], { env: env() })).stdout)).toMatchObject({
      ready: true,
      ...pidFile(),
    });
  });

  it('prints each step with its time, and the address of the status page with its token', async () => {
    const { stdout } = await up(['--detach', '--no-demo']);
    expect(stdout).toMatch(/✓ store +0\.01 s\n {2}✓ http +0\.00 s\n/);
    expect(stdout).toContain(`Status page: ${pidFile().url}/#token=${TOKEN}\n`);
  });

  it('uses the service that runs already with this home', async () => {
    await up(['--detach', '--no-demo']);
    const before = pidFile();
    const again = await up(['--detach', '--no-demo', '--json']);
    expect(JSON.parse(again.stdout)).toEqual({ ...before, home: home.path });
    expect((await up(['--no-demo'])).stdout).toContain(`runs already (home ${home.path}, pid ${before.pid})`);
  });

  it('starts anew over the pid file of a service that was killed', async () => {
    await up(['--detach', '--no-demo']);
    const { pid } = pidFile();
    process.kill(pid, 'SIGKILL');
    await eventually(() => expect(runs(pid, PROGRAMS.service)).toBe(false));
    expect((await up(['--detach', '--no-demo'])).code).toBe(0);
    expect(pidFile().pid).not.toBe(pid);
  });
});

describe('up in the foreground', () => {
  it('stays until Ctrl-C, which ends the service in order', async () => {
    const { terminal, ended } = startCli(['up', '--no-demo'], { env: env() });
    await eventually(() => expect(terminal.written.stdout).toContain('Ctrl-C ends the service'));
    const { pid } = pidFile();
    terminal.pressCtrlC();
    expect((await ended).code).toBe(0);
    expect(runs(pid, PROGRAMS.service)).toBe(false);
    expect(existsSync(join(home.path, 'ended.json'))).toBe(true);
    expect(existsSync(join(home.path, 'clawcage.pid'))).toBe(false);
  });

  it('ends with the service, with a word and 1 where that was killed', async () => {
    const { terminal, ended } = startCli(['up', '--no-demo', '--json'], { env: env() });
    await eventually(() => expect(terminal.written.stdout).toContain('"url"'));
    process.kill(pidFile().pid, 'SIGKILL');
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(stderr).toContain('ended unexpectedly (SIGKILL)');
  });
});

describe('up that cannot', () => {
  it('ends with 3 and names make setup where the image is missing', async () => {
    const { code, stderr } = await up(['--detach', '--no-demo'], { FAKE_START_FAILS: 'image_missing' });
    expect(code).toBe(3);
    expect(stderr).toContain('error[image_missing]');
    expect(stderr).toContain('make setup');
    expect(existsSync(join(home.path, 'clawcage.pid'))).toBe(false);
  });

  it('says what the service said where it crashes', async () => {
    const { code, stderr } = await up(['--detach', '--no-demo'], { FAKE_CRASH: '1' });
    expect(code).toBe(1);
    expect(stderr).toContain('error[start_failed]');
    expect(stderr).toContain(join(home.path, 'log', 'orchestrator.log'));
  });

  it('says so where the port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const { code, stderr } = await up(['--detach', '--no-demo'], { CLAWCAGE_PORT: String(port) });
    other.close();
    expect(code).toBe(5);
    expect(stderr).toContain(`error[port_in_use]`);
    expect(stderr).toContain(`port: ${port}`);
  });
});

describe('down', () => {
  it('ends the service and leaves its cages, but names them', async () => {
    await up(['--detach', '--no-demo'], { FAKE_CAGE: 'cage-abc' });
    const { code, stdout } = await cli(['down'], { env: env() });
    expect(code).toBe(0);
    expect(stdout).toContain('1 cage still runs:\n  cage-abc  writer, task task_1\n');
    expect(readJson('ended.json')).toEqual({ cages: 1 });
  });

  it('ends the cages too with --cages', async () => {
    await up(['--detach', '--no-demo'], { FAKE_CAGE: 'cage-abc' });
    const { stdout } = await cli(['down', '--cages', '--json'], { env: env() });
    expect(JSON.parse(stdout)).toEqual({
      stopped: true,
      cages: [{ cageId: 'cage-abc', claw: 'writer', task: 'task_1' }],
      ended: 1,
    });
    expect(readJson('ended.json')).toEqual({ cages: 0 });
  });

  it.each([
    ['y', 0],
    ['', 1],
  ])('asks on a terminal, and no is the default: "%s"', async (typed, left) => {
    await up(['--detach', '--no-demo'], { FAKE_CAGE: 'cage-abc' });
    await cli(['down'], { env: env(), tty: true, stdin: `${typed}\n` });
    expect(readJson('ended.json')).toEqual({ cages: left });
  });

  it('says so and ends with 0 where nothing runs', async () => {
    const { code, stdout } = await cli(['down'], { env: env() });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `The service is not running (home ${home.path}).\n`,
    });
  });

  it('never ends a process that only has the number of a service long gone', async () => {
    writeFileSync(
      join(home.path, 'clawcage.pid'),
      JSON.stringify({ pid: process.pid, url: 'http://127.0.0.1:1' }),
    );
    expect(commandOf(process.pid)).toBeDefined();
    expect((await cli(['down'], { env: env() })).stdout).toContain('not running');
  });
});

describe('the demo', () => {
  it('runs the first task on an empty store, and the simulator is there again at the next start, on its port', async () => {
    const { code, stdout } = await up(['--detach']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /✓ simulator started.*\n.*✓ key added.*\n.*✓ Claw made and deployed.*\n.*✓ task done in its cage/,
    );
    expect(stdout).toContain('answer   Count the words and lines of the attached file.');
    expect(stdout).toContain('123 tokens (100 in, 23 out), 2 requests');
    expect(stdout).toContain('tokens 123 of 60 000 · requests 2 of 30');
    expect(stdout.match(/^ {2}.*bin\/clawcage .*$/gm)).toHaveLength(3);
    const port = readFileSync(join(home.path, 'demo', 'port'), 'utf8').trim();
    expect(readJson('environment.json')).toEqual({ allow: `host.docker.internal:${port}` });

    const { pid } = readJson('demo/pid') as { pid: number };
    expect(runs(pid, PROGRAMS.simulator)).toBe(true);
    await cli(['down'], { env: env() });
    expect(runs(pid, PROGRAMS.simulator)).toBe(false);

    await up(['--detach']);
    expect(readJson('demo/pid')).toMatchObject({ port: Number(port) });
  });

  it('is not made where there are Claws already, and the gate is not opened for it the next time', async () => {
    await up(['--detach'], { FAKE_CLAW: 'mine' });
    expect(existsSync(join(home.path, 'demo', 'pid'))).toBe(false);
    await cli(['down'], { env: env() });
    await up(['--detach'], { FAKE_CLAW: 'mine', CLAWCAGE_GATE_ALLOW_HOSTS: '10.0.0.5:8000' });
    expect(readJson('environment.json')).toEqual({ allow: '10.0.0.5:8000' });
  });

  it('is not made with --no-demo', async () => {
    await up(['--detach', '--no-demo']);
    expect(existsSync(join(home.path, 'demo'))).toBe(false);
    expect(readJson('environment.json')).toEqual({ allow: null });
  });
});
