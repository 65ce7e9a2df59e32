import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openHome } from '../../../orchestrator/home/home.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'clawcage-home-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const FILES = ['install-id', 'admin-token', 'capability-key.pem'];

describe('a home', () => {
  it('is the same for all who open it at once, and later', async () => {
    const homes = await Promise.all([1, 2, 3, 4].map(() => openHome(home)));
    const again = await openHome(home);
    for (const one of homes) {
      expect(one.install).toBe(again.install);
      expect(one.adminToken).toBe(again.adminToken);
      expect(one.capabilityKey.publicPem).toBe(again.capabilityKey.publicPem);
    }
    for (const file of FILES) expect((await stat(path.join(home, file))).mode & 0o777).toBe(0o600);
    expect((await readdir(home)).filter((name) => name.startsWith('.draft'))).toEqual([]);
  });

  it.each(FILES)('whose %s is empty or cut off is refused, and the file is left as it is', async (file) => {
    await openHome(home);
    const whole = await readFile(path.join(home, file), 'utf8');
    for (const content of ['', whole.slice(0, 5)]) {
      await writeFile(path.join(home, file), content);
      await expect(openHome(home)).rejects.toMatchObject({
        code: 'home_damaged',
        details: { file: path.join(home, file) },
      });
      expect(await readFile(path.join(home, file), 'utf8')).toBe(content);
    }
  });
});
