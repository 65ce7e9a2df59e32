import { appendFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loggedBytes, setAsideUnreadable } from '../../../orchestrator/redis/set-aside.ts';

test('books are set aside for what the server says at this start, not for what one of before said', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clawcage-redis-'));
  try {
    await mkdir(join(folder, 'appendonlydir'));
    const said = () =>
      appendFile(join(folder, 'redis.log'), 'Bad file format reading the append only file\n');
    expect(await loggedBytes(folder)).toBe(0);
    await said();
    const before = await loggedBytes(folder);
    expect(await setAsideUnreadable(folder, before)).toBeUndefined();
    expect(await readdir(folder)).toContain('appendonlydir');
    await said();
    expect(await setAsideUnreadable(folder, before)).toContain('.damaged-');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
