import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyBackup } from '../../../orchestrator/backup/backup-file.ts';
import { BackupService } from '../../../orchestrator/backup/backup-service.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clawcage-backup-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a backup leaves no file in the home, even where it is cut off in the middle', async () => {
  const home = await mkdtemp(join(folder, 'home-'));
  const there: string[][] = [];
  const look = async (): Promise<void> => void there.push(await readdir(home));
  const backups = new BackupService({
    store: {
      dump: async (sink) => {
        await look();
        await sink.begin(['0001-first']);
        await sink.table('settings', ['name']);
        await sink.rows(['{"name":"one"}']);
        await look();
      },
    },
    home,
    install: 'a1b2c3d4e5',
    release: '0.2.0',
    log: { info: () => undefined },
  });
  const { content, bytes } = await backups.make();
  await look();
  expect(there).toEqual([[], [], []]);
  const whole = await buffer(content);
  expect(whole).toHaveLength(bytes);
  const file = join(folder, 'it.backup');
  await writeFile(file, whole);
  expect(await verifyBackup(file)).toMatchObject({ install: 'a1b2c3d4e5', migrations: ['0001-first'] });
});

test('a file that unpacks to a line without an end is refused before it fills the memory', async () => {
  const file = join(folder, 'bomb');
  await writeFile(file, gzipSync(Buffer.alloc(65 * 1024 * 1024, 0x20)));
  await expect(verifyBackup(file)).rejects.toMatchObject({
    code: 'backup_damaged',
    details: { reason: 'a line is too long' },
  });
});
