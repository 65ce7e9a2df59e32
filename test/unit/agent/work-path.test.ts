import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { workPath } from '../../../cage-image/agent/work-path.ts';

let work: string;
beforeEach(() => {
  work = realpathSync(mkdtempSync(join(tmpdir(), 'clawcage-work-')));
  mkdirSync(join(work, 'in'));
  writeFileSync(join(work, 'in/a.txt'), 'a');
});
afterEach(() => rmSync(work, { recursive: true }));

describe('a path of a tool', () => {
  test.each(['in/a.txt', './in/../in/a.txt'])('%s is seen from /work', async (path) => {
    expect(await workPath(work, path)).toBe(join(work, 'in/a.txt'));
  });

  test('may be absolute, and need not exist', async () => {
    expect(await workPath(work, join(work, 'in/a.txt'))).toBe(join(work, 'in/a.txt'));
    expect(await workPath(work, 'out/deep/new.txt')).toBe(join(work, 'out/deep/new.txt'));
    expect(await workPath(work, '..hidden')).toBe(join(work, '..hidden'));
  });

  test.each(['..', '../x', '/etc/passwd', 'in/../../x', '/'])(
    '%s leads outside and is refused',
    async (path) => {
      await expect(workPath(work, path)).rejects.toThrow(/outside/);
    },
  );

  test('may not lead outside by a link, whether it leads to something or nothing', async () => {
    symlinkSync('/etc', join(work, 'etc'));
    symlinkSync('/nowhere/at/all', join(work, 'dangling'));
    symlinkSync('in', join(work, 'inside'));
    await expect(workPath(work, 'etc/passwd')).rejects.toThrow(/outside/);
    await expect(workPath(work, 'etc/new-file')).rejects.toThrow(/outside/);
    await expect(workPath(work, 'dangling')).rejects.toThrow(/leads nowhere/);
    expect(await workPath(work, 'inside/a.txt')).toBe(join(work, 'in/a.txt'));
  });
});
