import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCRIPTS, SHELLS } from '../../../cli/completion/scripts.ts';
import { homeOf, scratchHome } from '../../support/cli.ts';
import { FakeApi } from '../../support/fake-api.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');
let api: FakeApi;
let home: ReturnType<typeof scratchHome>;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  home = scratchHome();
  api = await new FakeApi().start();
  api.addClaw('writer');
  api.addClaw('reader');
  api.addKey('work');
  homeOf(home.path, api);
  const bin = join(home.path, 'bin');
  mkdirSync(bin);
  symlinkSync(join(root, 'bin/clawcage'), join(bin, 'clawcage'));
  writeFileSync(join(home.path, 'claws.yaml'), '');
  env = {
    ...process.env,
    CLAWCAGE_HOME: home.path,
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    NODE_OPTIONS: PATIENT,
  };
});
afterAll(async () => {
  await api.stop();
  home[Symbol.dispose]();
});

/** Somebody at the Tab key who waits for as long as a busy machine takes: no question of that process is given up. */
const PATIENT = `--import=data:text/javascript,${encodeURIComponent('AbortSignal.timeout = () => new AbortController().signal')}`;

/** What bash would offer at the press of the Tab key after the line. */
async function bash(line: string): Promise<string[]> {
  const script = `
    source <(clawcage completion bash)
    COMP_LINE=$1; read -ra COMP_WORDS <<< "$1"
    [[ $1 == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _clawcage 2>/dev/null
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await run('bash', ['-c', script, 'bash', line], { env, cwd: home.path });
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion in bash', () => {
  it('offers commands, subcommands and options', async () => {
    expect(await bash('clawcage cl')).toEqual(['claws']);
    expect(await bash('clawcage run writer --pri')).toEqual(['--priority']);
  });

  it('offers the names of what is there, and files where a file belongs', async () => {
    expect(await bash('clawcage run ')).toEqual(['writer', 'reader']);
    expect(await bash('clawcage claws apply -f claws')).toEqual(['claws.yaml']);
  });

  it('offers nothing, and says nothing, where the service is away', async () => {
    const away = { ...env, CLAWCAGE_HOME: join(home.path, 'none'), CLAWCAGE_PORT: '1' };
    const { stdout, stderr } = await run('clawcage', ['complete', '--', 'run', ''], { env: away });
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
  });
});

describe.each(SHELLS)('the script for %s', (shell) => {
  const there = ['/usr/bin', '/bin', '/usr/local/bin'].some((folder) => existsSync(join(folder, shell)));

  it.skipIf(!there)('is one that the shell takes', () => {
    const file = join(home.path, `completion.${shell}`);
    writeFileSync(file, SCRIPTS[shell]);
    chmodSync(file, 0o700);
    execFileSync(shell, ['-n', file]);
  });
});

const fish = existsSync('/usr/bin/fish');
it.skipIf(!fish)('completion in fish offers the same', async () => {
  const script = 'clawcage completion fish | source; complete -C "clawcage claws deploy re"';
  const { stdout } = await run('fish', ['-c', script], { env, cwd: home.path });
  expect(stdout).toMatch(/^reader\b/);
});

const zsh = existsSync('/usr/bin/zsh');
it.skipIf(!zsh)('completion in zsh offers the same', async () => {
  const script = `
    autoload -Uz compinit; compinit -D
    eval "$(clawcage completion zsh)"
    _describe() { print -l -- "\${(@P)2}" }
    words=(clawcage claws deploy re); CURRENT=4; _clawcage`;
  const { stdout } = await run('zsh', ['-fc', script], { env, cwd: home.path });
  expect(stdout).toMatch(/^reader:/);
});
