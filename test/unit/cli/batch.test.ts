import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli, homeOf, scratchHome, startCli } from '../../support/cli.ts';
import { FakeApi } from '../../support/fake-api.ts';

let api: FakeApi;
let home: ReturnType<typeof scratchHome>;
const env = () => ({ CLAWCAGE_HOME: home.path });
const run = (...argv: string[]) => cli(argv, { env: env() });
let tasks: string;

beforeEach(async () => {
  home = scratchHome();
  api = await new FakeApi().start();
  api.addClaw('writer', 'stopped');
  homeOf(home.path, api);
  tasks = join(home.path, 'tasks.jsonl');
  writeFileSync(tasks, '{"ref":"a","text":"one"}\n{"ref":"b","text":"two"}\n');
});
afterEach(async () => {
  await api.stop();
  home[Symbol.dispose]();
});

const RESULTS = [
  { task: 'task_b0', ref: 'a', state: 'succeeded', answer: 'one' },
  { task: 'task_b1', ref: 'b', state: 'succeeded', answer: 'two' },
];
const linesOf = (text: string): unknown[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe('batch run', () => {
  it('deploys the Claw, waits, and prints the results as JSON Lines and a summary apart from them', async () => {
    const { code, stdout, stderr } = await run('batch', 'run', 'writer', tasks);
    expect(code).toBe(0);
    expect(linesOf(stdout)).toEqual(RESULTS);
    expect(stderr).toContain('batch_1 of writer: 2 of 2: 2 succeeded · 123 tokens');
    expect(api.claws.get('writer')?.state).toBe('deployed');
  });

  it('writes them to a file that is not there yet, or with --force', async () => {
    const out = join(home.path, 'results.jsonl');
    const { stdout } = await run('batch', 'run', 'writer', tasks, '--out', out, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      batch: { id: 'batch_1', done: true },
      usage: { totalTokens: 123 },
    });
    expect(linesOf(readFileSync(out, 'utf8'))).toEqual(RESULTS);
    const before = api.batches.size;
    expect((await run('batch', 'run', 'writer', tasks, '--out', out)).stderr).toContain(
      'error[output_exists]',
    );
    expect(api.batches.size).toBe(before);
    expect((await run('batch', 'results', 'batch_1', '--out', out, '--force')).code).toBe(0);
  });

  it('ends with 1 where a task did not succeed', async () => {
    api.endBatch = () => ({ succeeded: 1, failed: 1 });
    expect((await run('batch', 'run', 'writer', tasks)).code).toBe(1);
  });

  it('does not wait with --detach, and can be looked at, listed and cancelled', async () => {
    expect((await run('batch', 'run', 'writer', tasks, '--detach')).stdout).toBe('batch_1\n');
    expect((await run('batch', 'list')).stdout).toMatch(/batch_1 +writer +0 of 2/);
    expect((await run('batch', 'cancel', 'batch_1')).stdout).toContain('2 of 2: 2 cancelled');
    expect((await run('batch', 'show', 'batch_1')).stdout).toContain('2 cancelled');
  });

  it('is cancelled by Ctrl-C, and ends with 130', async () => {
    api.endBatch = ({ states }) => states;
    const held = startCli(['batch', 'run', 'writer', tasks], { env: env(), tty: true });
    let views = 0;
    api.endBatch = (view) => {
      if (views++ === 0) held.terminal.pressCtrlC();
      return view.states.cancelled ? view.states : { running: 2 };
    };
    const { code, stderr } = await held.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('cancelling');
  });

  it('names a file that cannot be read', async () => {
    const { code, stderr } = await run('batch', 'run', 'writer', '/nowhere/x.jsonl');
    expect(code).toBe(2);
    expect(stderr).toContain('/nowhere/x.jsonl: ENOENT');
  });
});
