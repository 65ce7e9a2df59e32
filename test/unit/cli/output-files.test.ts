import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli, homeOf, scratchHome } from '../../support/cli.ts';
import { FakeApi } from '../../support/fake-api.ts';

let api: FakeApi;
let home: ReturnType<typeof scratchHome>;
let out: string;
const run = (...argv: string[]) => cli(argv, { env: { CLAWCAGE_HOME: home.path } });

beforeEach(async () => {
  home = scratchHome();
  out = join(home.path, 'out');
  api = await new FakeApi().start();
  api.addClaw('writer');
  homeOf(home.path, api);
});
afterEach(async () => {
  await api.stop();
  home[Symbol.dispose]();
});

/** A task that left the given files. */
function left(files: Record<string, string>): string {
  const task = api.addTask({ claw: 'writer', text: 'x', files: [] });
  for (const [path, content] of Object.entries(files)) task.leave(path, content);
  task.end('succeeded', { answer: 'done' });
  return task.id;
}

describe('the files of a task', () => {
  it('are written by run --out, and named in its JSON', async () => {
    api.script = (task) => {
      task.leave('report.txt', 'Report');
      task.leave('charts/a b.svg', '<svg/>');
      task.end('succeeded', { answer: 'done' });
    };
    const { code, stdout } = await run('run', 'writer', 'x', '--json', '--out', out);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).files).toEqual([
      { path: 'report.txt', bytes: 6 },
      { path: 'charts/a b.svg', bytes: 6 },
    ]);
    expect(readFileSync(join(out, 'charts/a b.svg'), 'utf8')).toBe('<svg/>');
    expect(readdirSync(out).toSorted()).toEqual(['charts', 'report.txt']);
  });

  it('are listed, and written later', async () => {
    const id = left({ 'a.txt': 'x'.repeat(2048) });
    expect((await run('tasks', 'files', id)).stdout).toMatch(/^PATH +SIZE\na\.txt +2\.0 KiB\n$/);
    expect((await run('tasks', 'files', id, '--out', out)).stdout).toBe(`1 file written to ${out}.\n`);
    expect((await run('tasks', 'files', left({}))).stdout).toBe('The task left no files.\n');
  });

  it('overwrite nothing without --force, and then write none of them', async () => {
    const id = left({ 'new.txt': 'new', 'a.txt': 'theirs' });
    mkdirSync(out);
    writeFileSync(join(out, 'a.txt'), 'mine');
    const { code, stderr } = await run('tasks', 'files', id, '--out', out);
    expect(code).toBe(5);
    expect(stderr).toContain('error[output_exists]');
    expect(readdirSync(out)).toEqual(['a.txt']);
    expect(readFileSync(join(out, 'a.txt'), 'utf8')).toBe('mine');
    expect((await run('tasks', 'files', id, '--out', out, '--force')).code).toBe(0);
    expect(readFileSync(join(out, 'a.txt'), 'utf8')).toBe('theirs');
  });

  it.each(['../escape', '/etc/escape', 'a/../../escape', './a', 'a//b', 'a\\..\\b', 'bell\u0007', '..'])(
    'with a path such as %j are refused, all of them',
    async (path) => {
      const id = left({ 'good.txt': 'good', [path]: 'bad' });
      const { code, stderr } = await run('tasks', 'files', id, '--out', out, '--force');
      expect(code).toBe(5);
      expect(stderr).toContain('error[output_unsafe]');
      expect(readdirSync(out)).toEqual([]);
      expect(existsSync(join(home.path, 'escape'))).toBe(false);
    },
  );

  it('are not written through a link, neither as a folder on the way nor as the file', async () => {
    const elsewhere = join(home.path, 'elsewhere');
    mkdirSync(elsewhere);
    mkdirSync(out);
    writeFileSync(join(elsewhere, 'target'), 'untouched');
    symlinkSync(elsewhere, join(out, 'folder'));
    symlinkSync(join(elsewhere, 'target'), join(out, 'file'));
    symlinkSync('/nowhere/at/all', join(out, 'dangling'));
    for (const path of ['folder/new', 'file', 'dangling']) {
      const { stderr } = await run('tasks', 'files', left({ [path]: 'bad' }), '--out', out, '--force');
      expect(stderr).toContain('error[output_unsafe]');
    }
    expect(readdirSync(elsewhere)).toEqual(['target']);
    expect(readFileSync(join(elsewhere, 'target'), 'utf8')).toBe('untouched');
  });

  it('need a folder that can be one, before a task is run for it', async () => {
    writeFileSync(out, 'a file');
    const { code, stderr } = await run('run', 'writer', 'x', '--out', out);
    expect(code).toBe(2);
    expect(stderr).toContain('--out');
    expect(api.seen).toEqual([]);
  });
});
