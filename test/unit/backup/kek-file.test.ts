import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { restoreKeks, saveKeks } from '../../../orchestrator/backup/kek-file.ts';
import { FileKeks } from '../../../orchestrator/vault/file-keks.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clawcage-keks-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const homeWithKek = async (): Promise<string> => {
  const home = await mkdtemp(join(folder, 'home-'));
  await FileKeks.open(join(home, 'kek'));
  return home;
};

test('a file of key-encryption keys is written anew as often as one likes, and opens in another home', async () => {
  const home = await homeWithKek();
  const file = join(folder, 'again.keks');
  await saveKeks(home, file);
  expect(await saveKeks(home, file)).toEqual([1]);
  const other = await mkdtemp(join(folder, 'home-'));
  expect(await restoreKeks(file, other)).toEqual([1]);
  expect(await readFile(join(other, 'kek/1.key'))).toEqual(await readFile(join(home, 'kek/1.key')));
});

test('a file that holds a key which the home has not is left alone, and so is what is no such file', async () => {
  const file = join(folder, 'of-another.keks');
  await saveKeks(await homeWithKek(), file);
  const before = await readFile(file);
  const home = await homeWithKek();
  await expect(saveKeks(home, file)).rejects.toMatchObject({ code: 'conflict', details: { file, kek: 1 } });
  expect(await readFile(file)).toEqual(before);
  const letter = join(folder, 'letter');
  await writeFile(letter, 'Dear');
  await expect(saveKeks(home, letter)).rejects.toMatchObject({ code: 'conflict', details: { file: letter } });
  expect(await readFile(letter, 'utf8')).toBe('Dear');
});
