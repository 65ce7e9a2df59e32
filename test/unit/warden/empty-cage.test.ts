import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { CagePaths } from '../../../cage-image/paths.ts';
import { emptyCage } from '../../../cage-image/warden/empty-cage.ts';

it('removes whatever lies where an agent can write, and nothing that a link leads to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clawcage-empty-'));
  const [work, run, tmp] = ['work', 'run', 'tmp'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const each of [work, run, tmp, join(folder, 'outside')]) mkdirSync(each);
  writeFileSync(join(folder, 'outside/kept'), 'kept');
  mkdirSync(join(work, 'a/b/c'), { recursive: true });
  writeFileSync(join(work, 'a/b/c/file'), 'x');
  writeFileSync(Buffer.concat([Buffer.from(`${tmp}/`), Buffer.from([0xff])]), 'x');
  symlinkSync(join(folder, 'outside'), join(tmp, 'link'));
  writeFileSync(join(run, 'task.json'), 'x', { mode: 0o400 });
  chmodSync(join(work, 'a/b'), 0);
  chmodSync(work, 0);
  const paths = { work, run, scratch: [tmp, join(folder, 'not-there')] } as unknown as CagePaths;
  await emptyCage(paths, false);
  expect([work, run, tmp].flatMap((each) => readdirSync(each))).toEqual([]);
  expect(readFileSync(join(folder, 'outside/kept'), 'utf8')).toBe('kept');
  rmSync(folder, { recursive: true });
});
