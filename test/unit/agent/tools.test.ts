import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cutMiddle } from '../../../cage-image/agent/cut-middle.ts';
import type { ToolCall } from '../../../cage-image/agent/conversation.ts';
import type { ToolContext, ToolResult } from '../../../cage-image/agent/tools/tool.ts';
import { builtInTools } from '../../../cage-image/agent/tools/built-in.ts';
import { Toolbox } from '../../../cage-image/agent/tools/toolbox.ts';

let work: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'clawcage-work-'));
});
afterEach(() => rmSync(work, { recursive: true }));

const context = (outputLimit = 10_000): ToolContext => ({
  work,
  environment: { PATH: '/usr/bin:/bin' },
  outputLimit,
  remainingMs: () => Infinity,
  egress: [],
});
const toolbox = (outputLimit?: number) => new Toolbox(builtInTools(['shell', 'files'], context(outputLimit)));
const call = (name: string, args: unknown, id = 'x'): ToolCall => ({
  id,
  name,
  arguments: typeof args === 'string' ? args : JSON.stringify(args),
});
const use = async (name: string, args: unknown, outputLimit?: number): Promise<ToolResult> =>
  (await toolbox(outputLimit).run([call(name, args)], () => undefined))[0] as ToolResult;

describe('cutting in the middle', () => {
  test('leaves a text that fits, and keeps both ends of one that does not', () => {
    expect(cutMiddle('short', 5)).toBe('short');
    expect(cutMiddle('abcdefghij', 4)).toBe('ab\n[… 6 characters left out …]\nij');
  });
});

describe('shell', () => {
  test('runs in the folder of the work and gives both outputs', async () => {
    expect(await use('shell', { command: 'pwd; echo oops >&2' })).toMatchObject({
      ok: true,
      output: expect.stringContaining(work),
    });
    expect((await use('shell', { command: 'echo oops >&2' })).output).toBe('oops\n');
  });

  test('says how a command ended that did not end well', async () => {
    expect((await use('shell', { command: 'echo x; exit 3' })).output).toBe('x\n[exit code 3]');
    expect((await use('shell', { command: 'kill -9 $$' })).output).toBe('[ended by SIGKILL]');
    expect((await use('shell', { command: 'true' })).output).toBe('[no output]');
  });

  test('ends a command and all that it started when its time is over', async () => {
    const { output } = await use('shell', { command: 'echo begun; sleep 50 & sleep 60', timeout_seconds: 3 });
    expect(output).toBe('begun\n[timed out after 3 s]');
  });

  test('does not wait for what a command leaves in the background', async () => {
    const { output } = await use('shell', { command: 'setsid sleep 15 & echo started' });
    expect(output).toBe('started\n');
  });

  test('cuts a long output in the middle, and one without end costs no memory', async () => {
    const { output } = await use('shell', { command: 'seq 1 100000' }, 1_000);
    expect(output.length).toBeLessThan(1_100);
    expect(output).toMatch(/^1\n2\n[^]*left out[^]*100000\n$/);
    const endless = await use(
      'shell',
      { command: 'head -c 60000000 /dev/zero | tr "\\0" y; echo end' },
      1_000,
    );
    expect(endless.output).toMatch(/^y+[^]*end\n$/);
  });
});

describe('files', () => {
  test('are written with their folders, listed with their sizes, and read', async () => {
    expect(await use('write_file', { path: 'out/a.txt', content: 'größe' })).toEqual({
      ok: true,
      output: '7 bytes written to out/a.txt',
    });
    expect(readFileSync(join(work, 'out/a.txt'), 'utf8')).toBe('größe');
    expect((await use('list_files', {})).output).toBe('7\tout/a.txt');
    expect((await use('read_file', { path: 'out/a.txt' })).output).toBe('größe');
  });

  test('that are long are read on from an offset', async () => {
    writeFileSync(join(work, 'long'), `${'x'.repeat(1024 * 1024)}END`);
    expect((await use('read_file', { path: 'long' })).output).toMatch(
      /\[3 more bytes: go on with offset 1048576\]$/,
    );
    expect((await use('read_file', { path: 'long', offset: 1024 * 1024 })).output).toBe('END');
  });

  test('outside are refused, and the model is told why', async () => {
    expect(await use('read_file', { path: '/etc/passwd' })).toEqual({
      ok: false,
      output: expect.stringContaining('outside'),
    });
    expect(await use('write_file', { path: '../x', content: '' })).toMatchObject({ ok: false });
  });
});

describe('editing', () => {
  test('replaces text that stands there once, or everywhere where that is asked for', async () => {
    writeFileSync(join(work, 'a'), 'one $& one two');
    expect(await use('edit_file', { path: 'a', old_text: 'two', new_text: '$& 2' })).toMatchObject({
      ok: true,
    });
    expect(readFileSync(join(work, 'a'), 'utf8')).toBe('one $& one $& 2');
    expect((await use('edit_file', { path: 'a', old_text: 'one', new_text: 'x' })).output).toMatch(
      /stands 2 times/,
    );
    await use('edit_file', { path: 'a', old_text: 'one', new_text: 'x', replace_all: true });
    expect(readFileSync(join(work, 'a'), 'utf8')).toBe('x $& x $& 2');
  });

  test('leaves alone what does not have the text, or is no text', async () => {
    writeFileSync(join(work, 'a'), Buffer.from([0xff, 0xfe, 0x61]));
    expect((await use('edit_file', { path: 'a', old_text: 'a', new_text: 'b' })).output).toMatch(
      /no text in UTF-8/,
    );
    writeFileSync(join(work, 'b'), 'x');
    expect((await use('edit_file', { path: 'b', old_text: 'y', new_text: 'z' })).output).toMatch(
      /does not stand/,
    );
    expect(readFileSync(join(work, 'a'))).toEqual(Buffer.from([0xff, 0xfe, 0x61]));
  });
});

describe('calls of one step', () => {
  const run = (...calls: ToolCall[]) => toolbox().run(calls, () => undefined);

  test('that change one file go in order, and a command sees what was written before it', async () => {
    const results = await run(
      call('write_file', { path: 'a', content: 'one' }),
      call('edit_file', { path: 'a', old_text: 'one', new_text: 'two' }),
      call('shell', { command: 'sleep 0.2; cat a; echo three > a' }),
      call('read_file', { path: './a' }),
    );
    expect(results.map(({ output }) => output).slice(2)).toEqual(['two', 'three\n']);
  });

  test('that are commands run at once', async () => {
    const [first, second] = await run(
      call('shell', {
        command: 'for i in $(seq 80); do [ -e mark ] && break; sleep 0.1; done; [ -e mark ] && echo seen',
      }),
      call('shell', { command: 'touch mark' }),
    );
    expect([first?.output, second?.output]).toEqual(['seen\n', '[no output]']);
  });

  test('all end, however many there are', async () => {
    const many = Array.from({ length: 30 }, (_, at) => call('shell', { command: `echo ${at}` }));
    expect((await run(...many)).map(({ output }) => output.trim())).toEqual(many.map((_, at) => String(at)));
  });
});

test('a command leaves time for an answer', async () => {
  const tools = new Toolbox(builtInTools(['shell'], { ...context(), remainingMs: () => 16_000 }));
  const [result] = await tools.run([call('shell', { command: 'sleep 60' })], () => undefined);
  expect(result?.output).toBe('[timed out after 1 s]');
});

test('two tools of one name are refused', () => {
  const [one] = builtInTools(['shell'], context());
  expect(() => new Toolbox([one!, one!])).toThrow(expect.objectContaining({ code: 'agent_failed' }));
});

describe('what a model gets wrong', () => {
  test.each([
    ['shell', '{"command":', /JSON/],
    ['shell', {}, /command/],
    ['shell', { command: 'x', timeout_seconds: 1e9 }, /timeout_seconds/],
    ['read_file', { path: 'not-there' }, /ENOENT/],
    ['fetch', {}, /There is no tool fetch/],
  ])('%s %j is told back to it', async (name, args, reason) => {
    expect(await use(name, args)).toEqual({ ok: false, output: expect.stringMatching(reason) });
  });
});
