import { chmod, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { openSync, readSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '#secret/secret.ts';
import { Vault } from '#vault/vault.ts';
import { FileKeks } from '../../../orchestrator/vault/file-keks.ts';
import { FileShreddingKeys } from '../../../orchestrator/vault/file-shredding-keys.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'clawcage-keys-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const mode = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

describe('key-encryption keys in files', () => {
  it('are made at the first start, for the owner alone, and found at the next', async () => {
    const dir = path.join(home, 'kek');
    const first = await FileKeks.open(dir);
    expect(await readdir(dir)).toEqual(['1.key']);
    expect(await mode(dir)).toBe(0o700);
    expect(await mode(path.join(dir, '1.key'))).toBe(0o600);
    const second = await FileKeks.open(dir);
    expect((await second.current()).key.expose()).toEqual((await first.current()).key.expose());
  });

  it('are one key where two processes start at once', async () => {
    const [one, two] = await Promise.all([FileKeks.open(home), FileKeks.open(home)]);
    expect((await one.current()).key.expose()).toEqual((await two.current()).key.expose());
    expect(await readdir(home)).toEqual(['1.key']);
  });

  it('rotate to the next version, keep the older, and count as numbers do', async () => {
    const keks = await FileKeks.open(home);
    for (let version = 2; version <= 10; version += 1) expect(await keks.rotate()).toBe(version);
    const again = await FileKeks.open(home);
    expect((await again.current()).version).toBe(10);
    expect((await again.byVersion(3))?.version).toBe(3);
    expect(await again.byVersion(11)).toBeUndefined();
  });

  it('open what they sealed after a restart, and say which one is missing until it is restored', async () => {
    const shredding = await FileShreddingKeys.open(path.join(home, 'shred'));
    const dir = path.join(home, 'kek');
    const binding = { organisation: 'org_1', keyId: 'key_1', provider: 'openai', version: 1 };
    const before = await FileKeks.open(dir);
    const record = await new Vault({ keks: before, shredding }).sealKey(binding, Secret.fromText('sk-test'));
    await before.rotate();
    const saved = await readFile(path.join(dir, '1.key'));
    await rm(path.join(dir, '1.key'));
    const vault = new Vault({ keks: await FileKeks.open(dir), shredding });
    await expect(vault.openKey(binding, record)).rejects.toMatchObject({
      code: 'vault_kek_missing',
      details: { version: 1 },
    });
    await writeFile(path.join(dir, '1.key'), saved);
    expect((await vault.openKey(binding, record)).expose().toString()).toBe('sk-test');
  });

  it('refuse a file that is not whole', async () => {
    await FileKeks.open(home);
    await truncate(path.join(home, '1.key'), 31);
    await expect(FileKeks.open(home)).rejects.toMatchObject({
      code: 'home_damaged',
      details: { file: path.join(home, '1.key') },
    });
  });

  it('are wiped from memory at the end', async () => {
    const keks = await FileKeks.open(home);
    const { key } = await keks.current();
    keks[Symbol.dispose]();
    expect(key.wiped).toBe(true);
  });
});

describe('shredding keys in files', () => {
  it('are for the owner alone, the same for all who ask, and listed', async () => {
    const keys = await FileShreddingKeys.open(home);
    const [one, two] = await Promise.all([keys.create('task_1'), keys.create('task_1')]);
    expect(one.expose()).toEqual(two.expose());
    expect((await keys.get('task_1'))?.expose()).toEqual(one.expose());
    expect(await mode(path.join(home, 'task_1'))).toBe(0o600);
    expect(await keys.list()).toEqual([{ id: 'task_1', madeAtMs: expect.closeTo(Date.now(), -4) }]);
  });

  it('are overwritten before they are taken away', async () => {
    const keys = await FileShreddingKeys.open(home);
    const key = (await keys.create('task_1')).expose();
    const stillOpen = openSync(path.join(home, 'task_1'), 'r');
    await keys.destroy('task_1');
    const left = Buffer.alloc(32);
    readSync(stillOpen, left, 0, 32, 0);
    expect(left.equals(key)).toBe(false);
    expect(await keys.get('task_1')).toBeUndefined();
    expect(await keys.list()).toEqual([]);
  });

  it('may be destroyed twice, and by two at once', async () => {
    const keys = await FileShreddingKeys.open(home);
    await keys.create('task_1');
    await Promise.all([keys.destroy('task_1'), keys.destroy('task_1')]);
    await keys.destroy('task_1');
    expect(await readdir(home)).toEqual([]);
  });

  it('take no name that leads out of their directory', async () => {
    const keys = await FileShreddingKeys.open(home);
    for (const id of ['../kek/1.key', '.', '', 'a/b', 'a\0b'])
      await expect(keys.create(id)).rejects.toThrow('not an id');
  });

  it('leave nothing behind where they cannot be made', async () => {
    const keys = await FileShreddingKeys.open(path.join(home, 'shred'));
    await rm(path.join(home, 'shred'), { recursive: true });
    await writeFile(path.join(home, 'shred'), '');
    await chmod(path.join(home, 'shred'), 0o600);
    await expect(keys.create('task_1')).rejects.toThrow();
  });
});
