import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readClaws } from '../../../cli/claw-file/read-claws.ts';
import { nearest } from '../../../cli/claw-file/nearest.ts';
import type { Failure } from '../../../cli/failure.ts';
import { scratchHome, TestTerminal } from '../../support/cli.ts';

let home: ReturnType<typeof scratchHome>;
beforeEach(() => (home = scratchHome()));
afterEach(() => home[Symbol.dispose]());

const LEAST = 'name: writer\nmodel: gpt-4.1-mini\nkey: work\n';

function write(text: string, name = 'claw.yaml'): string {
  const file = join(home.path, name);
  writeFileSync(file, text);
  return file;
}

const read = (...paths: string[]) => readClaws(paths, new TestTerminal());

/** The problems of a text, without the path of its file. */
async function problemsOf(text: string): Promise<string[]> {
  const file = write(text);
  const error = await read(file).then(
    () => undefined,
    (reason: Failure) => reason,
  );
  expect(error?.code).toBe('claw_file_invalid');
  return (error!.details!.problems as string[]).map((problem) => problem.replace(`${file}:`, ''));
}

describe('a file of Claws', () => {
  it('may hold several documents, comments and empty ones, and anchors', async () => {
    const file = write(
      `# all of ours\n---\n${LEAST}egress: &hosts [pypi.org]\n---\n---\n${LEAST.replace('writer', 'reader')}egress: [a.example]\n`,
    );
    const claws = await read(file);
    expect(claws.map(({ name, at }) => [name, at.replace(file, '')])).toEqual([
      ['writer', ':3:1'],
      ['reader', ':9:1'],
    ]);
  });

  it('may take instructions and CA from files beside it', async () => {
    write('You write.\n', 'prompt.md');
    const [claw] = await read(write(`${LEAST}instructions: { file: prompt.md }\n`));
    expect(claw?.settings.instructions).toBe('You write.\n');
    expect(await problemsOf(`${LEAST}ca: { file: gone.pem }\n`)).toEqual([
      expect.stringMatching(/^4:7: ca\.file: gone\.pem cannot be read: ENOENT$/),
    ]);
  });

  it('is one of a folder, of which only .yaml and .yml count', async () => {
    const folder = join(home.path, 'claws');
    mkdirSync(folder);
    writeFileSync(join(folder, 'b.yml'), LEAST.replace('writer', 'b'));
    writeFileSync(join(folder, 'a.yaml'), LEAST.replace('writer', 'a'));
    writeFileSync(join(folder, 'notes.txt'), 'not: a Claw');
    expect((await read(folder)).map(({ name }) => name)).toEqual(['a', 'b']);
    mkdirSync(join(home.path, 'empty'));
    await expect(read(join(home.path, 'empty'))).rejects.toMatchObject({ code: 'usage_invalid' });
    await expect(read(join(home.path, 'gone.yaml'))).rejects.toMatchObject({ code: 'usage_invalid' });
  });

  it.each([
    [`${LEAST}timeuot: 5m\n`, '4:1: timeuot: there is no such field; did you mean timeout?'],
    [`${LEAST}timeoutMs: 5000\n`, '4:1: timeoutMs: there is no such field; here it is written timeout: 10m'],
    [
      `${LEAST}retry:\n  attempts: 3\n  atempts: 4\n`,
      '6:3: retry.atempts: there is no such field; did you mean attempts?',
    ],
    [`${LEAST}retry:\n  attempts: 99\n`, '5:3: retry.attempts: too big: expected number to be <=20'],
    [
      `${LEAST}egress:\n  - pypi.org\n  - 'two words'\n`,
      '6:5: egress.1: host, host:port or http://host:port',
    ],
    [
      `${LEAST}agent: { mcp: { notes: { command: [x], urll: y } } }\n`,
      expect.stringContaining('urll: there is no such field; did you mean url?'),
    ],
    [`${LEAST}models: { image: [a] }\n`, expect.stringMatching(/^4:11: models\.image: .*images/)],
    [`${LEAST}api: response\n`, '4:1: api: expected one of "chat"|"responses"'],
    ['name: writer\nkey: work\n', '1:1: model: is missing'],
    ['name: Writer\nmodel: m\nkey: work\n', expect.stringMatching(/^1:1: name: lower-case letters/)],
    ['- name: writer\n', '1:1: a Claw is a map of fields: name, model, key and more'],
    [`${LEAST}name: twice\n`, '4:1: not YAML: Map keys must be unique'],
    ['name: [\n', expect.stringMatching(/^\d:\d: not YAML: /)],
    [`${LEAST}kind: Pod\n`, expect.stringContaining('4:1: kind: ')],
    [`${LEAST}instructions: !!js/function x\n`, expect.stringMatching(/^4:15: not YAML: /)],
    ['', '1:1: no Claw is described here'],
  ])('tells what is wrong in %j, and where', async (text, problem) => {
    expect(await problemsOf(text)).toEqual([problem]);
  });

  it('tells all that is wrong at once, over all documents and files', async () => {
    const other = write(`${LEAST}bogus: 1\n`, 'other.yaml');
    const file = write(
      `${LEAST}maxSteps: 0\nconcurrency: no\n---\n${LEAST.replace('writer', 'reader')}reuse: never\n`,
    );
    const error = await read(file, other).catch((reason: Failure) => reason);
    expect((error as Failure).details?.problems).toHaveLength(4);
  });

  it('does not describe a Claw that another describes', async () => {
    const file = write(`${LEAST}---\n${LEAST}`);
    await expect(read(file)).rejects.toMatchObject({
      details: { problems: [`${file}:5:1: name: writer is described already at ${file}:1:1`] },
    });
  });

  it('is not unfolded without end', async () => {
    const bomb = `a: &a [x]\n${Array.from({ length: 12 }, (_, n) => `b${n}: &b${n} [${'*' + (n === 0 ? 'a' : `b${n - 1}`) + ', '}${'*' + (n === 0 ? 'a' : `b${n - 1}`)}]`).join('\n')}\n`;
    expect((await problemsOf(bomb)).length).toBeGreaterThan(0);
  });
});

describe('a secret', () => {
  it.each([
    'sk-proj-AbC0123456789012345678',
    'ghp_0123456789abcdefghijABCDEFGHIJ0123',
    'AKIAIOSFODNN7EXAMPLE',
    'hf_0123456789abcdefghijABCDEFGHIJ',
  ])('such as %s is refused wherever it stands, and never repeated', async (secret) => {
    for (const text of [
      `${LEAST.replace('work', secret)}`,
      `${LEAST}# was ${secret}\n`,
      `${LEAST}agent: { mcp: { a: { command: [x], env: { TOKEN: ${secret} } } } }\n`,
    ]) {
      const problems = await problemsOf(text);
      expect(problems).toEqual([expect.stringContaining('clawcage keys add')]);
      expect(problems.join()).not.toContain(secret);
    }
  });

  it('in a file that is referred to is refused too', async () => {
    write('Use sk-proj-AbC0123456789012345678.\n', 'prompt.md');
    expect(await problemsOf(`${LEAST}instructions: { file: prompt.md }\n`)).toEqual([
      expect.stringContaining('clawcage keys add'),
    ]);
  });

  it('is not seen in what only resembles one', async () => {
    const text =
      'instructions: say sk-learn, task-manager-for-kubernetes, sk-some-long-name-of-letters-only\n';
    expect(await read(write(`${LEAST}${text}`))).toHaveLength(1);
  });
});

it('the nearest name is one that could have been meant', () => {
  expect(nearest('modell', ['model', 'models'])).toBe('model');
  expect(nearest('MAXSTEPS', ['maxSteps'])).toBe('maxSteps');
  expect(nearest('zzz', ['model', 'key'])).toBeUndefined();
});
