import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { cli, startCli } from '../support/cli.ts';
import { TestService } from '../support/service.ts';
import { freePort } from '../support/free-port.ts';

let service: TestService;
let port: number;
beforeAll(async () => {
  // The same port after a restart, where the command looks for it again.
  port = await freePort();
  service = await TestService.start({ CLAWCAGE_PORT: String(port) });
  await service.claw('worker');
});
afterAll(() => service[Symbol.asyncDispose]());

const env = () => ({ CLAWCAGE_HOME: service.home, CLAWCAGE_PORT: String(port) });
const run = (argv: string[], stdin?: string) =>
  cli(argv, { env: env(), ...(stdin !== undefined && { stdin }) });

describe('clawcage run', () => {
  it('answers about a file by a tool in the cage, in the fixed form', async () => {
    const story = join(service.home, 'story.txt');
    writeFileSync(story, 'one two three\nfour five\n');
    const { code, stdout } = await run([
      'run',
      'worker',
      'Count the words and lines of the attached file.',
      '--file',
      story,
      '--json',
    ]);
    expect(code).toBe(0);
    const outcome = JSON.parse(stdout);
    expect(Object.keys(outcome)).toEqual(['task', 'answer', 'usage']);
    expect(Object.keys(outcome.usage)).toEqual(['requests', 'inputTokens', 'outputTokens', 'totalTokens']);
    expect(outcome.answer).toMatch(/\b5\b.*\b2\b|\b2\b.*\b5\b/s);
    expect(outcome.usage.requests).toBe(2);
  });

  it('streams the text while it is made', async () => {
    const { terminal, ended } = startCli(['run', 'worker', '@stream 180 tokens at 30/s'], { env: env() });
    await vi.waitFor(() => expect(terminal.written.stdout.length).toBeGreaterThan(10), { timeout: 20_000 });
    const early = terminal.written.stdout;
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout.startsWith(early)).toBe(true);
    expect(stdout.length).toBeGreaterThan(early.length);
  });

  it('shows the tool calls on stderr', async () => {
    const { stdout, stderr } = await run([
      'run',
      'worker',
      '@tool shell {"command":"echo from-the-cage"}\n@say {{last_tool_result}}',
    ]);
    expect(stdout).toContain('from-the-cage');
    expect(stderr).toContain('→ shell');
    expect(stderr).toContain('✓ shell');
  });

  it('cancels at Ctrl-C within two seconds and ends with 130', async () => {
    const { terminal, ended } = startCli(['run', 'worker', '@tool shell {"command":"sleep 600"}'], {
      env: env(),
    });
    await vi.waitFor(() => expect(terminal.written.stderr).toContain('→ shell'), { timeout: 20_000 });
    const began = performance.now();
    terminal.pressCtrlC();
    expect((await ended).code).toBe(130);
    expect(performance.now() - began).toBeLessThan(2500);
  });

  it('ends with 6 where the time is over', async () => {
    const { code, stderr } = await run(['run', 'worker', '@wait 60s\n@say late', '--timeout', '2s']);
    expect(code).toBe(6);
    expect(stderr).toContain('error[task_timed_out]');
  });

  it('ends with 1 and the code of a provider that goes on failing', async () => {
    const { code, stderr } = await run(['run', 'worker', '@fail 500 times 100']);
    expect(code).toBe(1);
    expect(stderr).toContain('error[provider_failed]');
  });

  it('goes on through a service that is killed and started again: the task succeeds once and its answer is whole', async () => {
    const text = '@tool shell {"command":"sleep 4; echo survived"}\n@say {{last_tool_result}}';
    const { terminal, ended } = startCli(['run', 'worker', text], { env: env() });
    await vi.waitFor(() => expect(terminal.written.stderr).toContain('→ shell'), { timeout: 20_000 });
    await service.down('SIGKILL');
    await vi.waitFor(() => expect(terminal.written.stderr).toContain('the service does not answer'), {
      timeout: 10_000,
    });
    await service.up();
    expect(await ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('survived'),
      stderr: expect.stringContaining('the service is back'),
    });
  });
});

describe('clawcage keys add', () => {
  it('refuses a wrong key with the provider’s word, and never echoes it', async () => {
    const wrong = 'sk-wrong-0123456789-canary-x7Qd';
    const ca = join(service.home, 'provider-ca.pem');
    writeFileSync(ca, service.provider.caPem);
    const { code, stdout, stderr } = await run(
      ['keys', 'add', 'wrong', '--provider', 'openai', '--base-url', service.baseUrl, '--ca', ca],
      wrong,
    );
    expect(code).toBe(5);
    expect(stderr).toContain('error[key_rejected]');
    expect(stdout + stderr).not.toContain(wrong);
    expect(stdout + stderr).not.toContain('canary-x7Qd');
  });

  it('takes the right one, and a Claw made with it works', async () => {
    const ca = join(service.home, 'provider-ca.pem');
    writeFileSync(ca, service.provider.caPem);
    const argv = ['keys', 'add', 'right', '--provider', 'openai', '--base-url', service.baseUrl, '--ca', ca];
    expect(await run(argv, `${service.provider.key}\n`)).toMatchObject({ code: 0 });
    expect(
      await run(['claws', 'create', 'second', '--model', 'gpt-4o', '--key', 'right', '--tpm', '60000']),
    ).toMatchObject({ code: 0 });
    // Not deployed: run does it.
    expect(await run(['run', 'second', '@say hello'])).toMatchObject({ code: 0, stdout: 'hello\n' });
    const usage = JSON.parse((await run(['usage', 'second', '--since', '1h', '--json'])).stdout);
    expect(usage.caps.tokens).toMatchObject({ limit: 60_000 });
    expect(usage.usage.requests).toBe(1);
  });
});

describe('clawcage up on a home that another service uses', () => {
  it('starts none beside it, and names the home and the process', async () => {
    const main = join(import.meta.dirname, '../../cli/main.ts');
    const port = String(await freePort());
    const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(
        process.execPath,
        [main, 'up', '--no-demo'],
        { env: { PATH: process.env.PATH!, CLAWCAGE_HOME: service.home, CLAWCAGE_PORT: port } },
        (error, _stdout, said) => resolve({ code: error?.code, stderr: said }),
      );
    });
    expect(code).toBe(EXIT.refused);
    expect(stderr).toContain('error[store_locked]');
    expect(stderr).toContain(service.home);
    expect(stderr).toContain(String(service.pid));
    expect((await service.call('GET', '/readyz')).status).toBe(200);
  });
});
