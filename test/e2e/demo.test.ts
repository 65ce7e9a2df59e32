import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ran, scratchHome } from '../support/cli.ts';
import { removeInstall } from '../support/docker.ts';

const root = join(import.meta.dirname, '../..');
const home = scratchHome();
let first: Ran;

beforeAll(async () => {
  first = await clawcage('up', '--detach');
});
afterAll(async () => {
  await clawcage('down', '--cages');
  await removeInstall(new Docker(), readFileSync(join(home.path, 'install-id'), 'utf8').trim());
  home[Symbol.dispose]();
});

/** The command as people call it. */
function clawcage(...argv: string[]): Promise<Ran> {
  return ran(join(root, 'bin/clawcage'), argv, {});
}

function ran(program: string, argv: string[], more: Record<string, string>): Promise<Ran> {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    CLAWCAGE_HOME: home.path,
    CLAWCAGE_PORT: '0',
    ...(process.env.DOCKER_HOST && { DOCKER_HOST: process.env.DOCKER_HOST }),
    ...more,
  };
  const child = spawn(program, argv, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => void (out.stdout += chunk));
  child.stderr.on('data', (chunk: Buffer) => void (out.stderr += chunk));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code: code ?? -1, ...out })));
}

describe('the demo of an empty store', () => {
  it('answers with the true figures of its file, and says what it took', () => {
    expect(first.stderr).toBe('');
    expect(first.code).toBe(0);
    const story = readFileSync(join(root, 'examples/word-counter/story.txt'), 'utf8');
    const [words, lines] = [
      story.split(/\s+/).filter((word) => word !== '').length,
      story.split('\n').length - 1,
    ];
    const [, answer] = /^ {2}answer +(.*)$/m.exec(first.stdout) ?? [];
    expect(answer).toMatch(new RegExp(`\\b${words}\\b`));
    expect(answer).toMatch(new RegExp(`\\b${lines}\\b`));
    expect(first.stdout).toMatch(/used +[\d ]+ tokens \([\d ]+ in, [\d ]+ out\), 2 requests/);
    expect(first.stdout).toMatch(/caps +this minute: tokens [\d ]+ of 60 000 · requests \d+ of 60/);
    expect(first.stdout).toMatch(/✓ task done in its cage +[\d.]+ s/);
  });

  it('leaves a Claw that goes on working, and a page that tells of it', async () => {
    const file = join(root, 'examples/word-counter/story.txt');
    const { code, stdout } = await clawcage(
      'run',
      'word-counter',
      'How many lines does the file have?',
      '--file',
      file,
      '--json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout).answer).toMatch(/\b37\b/);
    const [, url] = /Status page: (\S+)\/#token=/.exec(first.stdout)!;
    expect(await (await fetch(url!)).text()).toContain('<title>ClawCage</title>');
  });

  it('goes on as the quick start says, block by block as it stands there', async () => {
    const guide = readFileSync(join(root, 'docs/quick-start.md'), 'utf8');
    const blocks = [...guide.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block]) => block!);
    // The first starts the service, the last asks for a key of one's own.
    const script = blocks.slice(1, -1).join('\n');
    const { stdout, stderr, code } = await ran('bash', ['-c', script], {
      HOME: mkdtempSync(join(home.path, 'user-')),
    });
    expect(stderr).not.toMatch(/error|not found/i);
    expect(code).toBe(0);
    for (const shown of [
      'All is well.',
      'reader created\nreader unchanged',
      '  - model: gpt-4o-mini',
      '"pages":',
      'It is in when.txt.',
      'There are 3 pieces.',
      '"ref":"b","state":"succeeded","answer":"two"',
      'gpt-4o-mini ',
      '"id":"gpt-4o"',
    ])
      expect(stdout).toContain(shown);
  });

  it('works again after a stop and a start, with the same simulator address, and is not made twice', async () => {
    expect((await clawcage('down', '--cages')).code).toBe(0);
    const again = await clawcage('up', '--detach');
    expect(again.code).toBe(0);
    expect(again.stdout).not.toContain('answer');
    expect((await clawcage('run', 'word-counter', '@say still here')).stdout).toBe('still here\n');
  });
});
