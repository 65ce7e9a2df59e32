import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '#secret/secret.ts';
import { Vault } from '#vault/vault.ts';
import { BackupService } from '../../../orchestrator/backup/backup-service.ts';
import { saveKeks } from '../../../orchestrator/backup/kek-file.ts';
import { restore } from '../../../orchestrator/backup/restore.ts';
import { DUMPED, LEFT_OUT } from '../../../orchestrator/store/dump.ts';
import { fillStore } from '../../../orchestrator/store/restored-store.ts';
import { openStore, type Store } from '../../../orchestrator/store/store.ts';
import { FileKeks } from '../../../orchestrator/vault/file-keks.ts';
import { FileShreddingKeys } from '../../../orchestrator/vault/file-shredding-keys.ts';
import { TestPostgres } from '../../support/postgres.ts';
import { newTenant } from '../../support/store-rows.ts';

const KEY = `sk-canary-${randomBytes(12).toString('hex')}`;
const PROMPT = `prompt-canary-${randomBytes(12).toString('hex')}`;
const log = { info: () => undefined, warn: () => undefined };

let folder: string;
let postgres: TestPostgres;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'clawcage-backup-'));
  postgres = await TestPostgres.start();
});
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const place = async (): Promise<string> => mkdtemp(path.join(folder, 'home-'));
const openVault = async (home: string): Promise<Vault> =>
  new Vault({
    keks: await FileKeks.open(path.join(home, 'kek')),
    shredding: await FileShreddingKeys.open(path.join(home, 'shred')),
  });

/** A running installation with a key, tasks in several states and counts. */
async function installation(home: string, databaseUrl: string | undefined) {
  const store = await openStore({ home, log, ...(databaseUrl !== undefined && { databaseUrl }) });
  const vault = await openVault(home);
  const tenant = await newTenant(store);
  const { organisation, claw } = tenant;
  const id = store.keys.newId();
  const binding = { organisation, keyId: id, provider: 'openai', version: 1 };
  const key = await store.keys.create({
    id,
    organisation,
    name: 'real',
    provider: 'openai',
    baseUrl: 'https://api.openai.com/v1',
    ca: null,
    record: await vault.sealKey(binding, new Secret(Buffer.from(KEY))),
    masked: '…',
    verifiedAt: new Date(1_700_000_000_123),
    requestsPerMinute: 0,
    tokensPerMinute: 90_000,
  });
  await store.organisations.setCaps(organisation, { tokensPerMinute: 1_000_000, maxCages: 3 });
  const task = store.tasks.newId();
  const sealedInput = await vault.sealContent({ kind: 'input', organisation, task }, Buffer.from(PROMPT));
  const once = { idempotencyKey: 'again', idempotencyHash: 'a line\u2028of "two" \\ halves' };
  await store.tasks.create({ id: task, organisation, claw: claw.id, sealedInput, timeoutMs: 1000, ...once });
  const counts = { inputTokens: 7, cachedTokens: 1, outputTokens: 5, reasoningTokens: 0, totalTokens: 12 };
  await store.ledger.record({
    callId: 'call-1',
    organisation,
    claw: claw.id,
    task,
    key: key.id,
    model: 'gpt-test',
    requests: 1,
    ...counts,
  });
  for (let more = 0; more < 1100; more += 1)
    await store.settings.set(`setting-${more}`, { snake_case: more });
  const backups = new BackupService({ store, home, install: 'a1b2c3d4e5', release: '0.2.0', log });
  return { store, tenant, key, task, binding, once, backups };
}

async function backupOf(backups: BackupService): Promise<string> {
  const { content, bytes, name } = await backups.make();
  const file = path.join(folder, `${randomBytes(4).toString('hex')}-${name}`);
  await pipeline(content, createWriteStream(file));
  expect((await stat(file)).size).toBe(bytes);
  return file;
}

const restoreTo = (file: string, home: string, more: Partial<Parameters<typeof restore>[0]> = {}) =>
  restore({ file, home, sameInstall: false, ...more }, { fillStore, log });

describe.each([
  ['PGlite', 'PostgreSQL'],
  ['PostgreSQL', 'PGlite'],
])('a backup from %s, restored to %s', (from, to) => {
  let file: string;
  let keks: string;
  let before: Awaited<ReturnType<typeof installation>>;
  let home: string;
  const database = async (kind: string) => (kind === 'PostgreSQL' ? postgres.newDatabase() : undefined);

  beforeAll(async () => {
    home = await place();
    before = await installation(home, await database(from));
    // While tasks come in.
    let open = true;
    const traffic = (async () => {
      // PGlite answers without ever giving the turn to a timer or a file.
      while (open) await Promise.all([before.tenant.addTask(), setImmediate()]);
    })();
    file = await backupOf(before.backups);
    open = false;
    await traffic;
    keks = path.join(folder, `${from}.keks`);
    await saveKeks(home, keks);
  });
  afterAll(() => before.store.close());

  const opened = async (target: string, url: string | undefined): Promise<Store> =>
    openStore({ home: target, log, ...(url !== undefined && { databaseUrl: url }) });

  it('opens the keys again, keeps counts and Idempotency-Keys, and ends what it cannot bring back', async () => {
    const target = path.join(await place(), 'new');
    const url = await database(to);
    const done = await restoreTo(file, target, { keks, databaseUrl: url });
    expect(done).toMatchObject({ lockedKeys: ['main'], lostTasks: expect.any(Number) });
    const store = await opened(target, url);
    try {
      const { organisation, claw } = before.tenant;
      const key = await store.keys.byId(organisation, before.key.id);
      expect(key).toEqual(before.key);
      using opensAgain = await (await openVault(target)).openKey(before.binding, key!.record!);
      expect(opensAgain.expose().toString()).toBe(KEY);
      expect(await store.claws.byId(organisation, claw.id)).toEqual(claw);
      expect(await store.organisations.byId(organisation)).toMatchObject({
        requestsPerMinute: null,
        tokensPerMinute: 1_000_000,
        maxCages: 3,
      });
      expect(await store.ledger.ofTask(organisation, before.task)).toMatchObject({ totalTokens: 12 });
      expect(await store.settings.get('setting-1099')).toEqual({ snake_case: 1099 });
      const lost = await store.tasks.byId(organisation, before.task);
      expect(lost).toMatchObject({ state: 'failed', error: { code: 'task_content_lost' }, holder: null });
      expect(await store.tasks.sealedInput(organisation, before.task)).toBeNull();
      expect((await store.tasks.ofKey({ claw: claw.id, ...before.once }))?.id).toBe(before.task);
      expect(await store.settings.get('limiter.runId')).toBe('restored');
      const { task } = await newTenant(store).then((tenant) => tenant.addTask());
      expect(task.state).toBe('queued');
    } finally {
      await store.close();
    }
    expect(await readdir(target)).not.toContain('install-id');
  });

  it('without the key-encryption keys says which keys do not open, and with them put there later they do', async () => {
    const target = path.join(await place(), 'new');
    const url = await database(to);
    const done = await restoreTo(file, target, { databaseUrl: url, sameInstall: true });
    expect(done.lockedKeys).toContain('real');
    expect(done.missingKeks).toContain(1);
    expect((await readFile(path.join(target, 'install-id'), 'utf8')).trim()).toBe('a1b2c3d4e5');
    await writeFile(path.join(target, 'kek/1.key'), await readFile(path.join(home, 'kek/1.key')));
    const store = await opened(target, url);
    const { record } = (await store.keys.byId(before.tenant.organisation, before.key.id))!;
    await store.close();
    using opensAgain = await (await openVault(target)).openKey(before.binding, record!);
    expect(opensAgain.expose().toString()).toBe(KEY);
  });

  it('has neither key, prompt nor key-encryption key in it', async () => {
    const bytes = gunzipSync(await readFile(file));
    const kek = await readFile(path.join(home, 'kek/1.key'));
    const secrets = [KEY, PROMPT, kek, kek.toString('hex'), kek.toString('base64')];
    expect(secrets.filter((secret) => bytes.includes(secret))).toEqual([]);
    expect(bytes.includes('sealed_input')).toBe(false);
    expect((await stat(keks)).mode & 0o777).toBe(0o600);
    expect((await readdir(home)).filter((name) => name.startsWith('.backup'))).toEqual([]);
  });

  it('refuses what is not empty, cut off, altered, or of a later release, and leaves nothing', async () => {
    const parent = await place();
    const target = path.join(parent, 'new');
    const full = path.join(parent, 'full');
    await mkdir(full);
    await writeFile(path.join(full, 'something'), '');
    await expect(restoreTo(file, full)).rejects.toMatchObject({ code: 'restore_not_empty' });
    const whole = gunzipSync(await readFile(file)).toString();
    const wrong: [string, Buffer][] = [
      ['backup_damaged', (await readFile(file)).subarray(0, -500)],
      ['backup_damaged', gzipSync(whole.slice(0, whole.lastIndexOf('\n', whole.length - 2) + 1))],
      ['backup_damaged', gzipSync(whole.replace('gpt-test', 'gpt-best'))],
      ['backup_damaged', Buffer.from('no backup')],
      ['backup_newer', gzipSync(whole.replace('"clawcageBackup":1', '"clawcageBackup":2'))],
    ];
    for (const [code, content] of wrong) {
      const bad = path.join(parent, 'bad');
      await writeFile(bad, content);
      await expect(restoreTo(bad, target)).rejects.toMatchObject({ code });
    }
    expect((await readdir(parent)).sort()).toEqual(['bad', 'full']);
    if (to !== 'PostgreSQL') return;
    const used = await postgres.newDatabase();
    await (await opened(parent, used)).organisations.first();
    await expect(restoreTo(file, target, { databaseUrl: used })).rejects.toMatchObject({
      code: 'restore_not_empty',
    });
  });
});

it('every table is either in a backup or left out on purpose', async () => {
  const url = await postgres.newDatabase();
  await (await openStore({ home: folder, databaseUrl: url, log })).close();
  const tables = await postgres.rows<{ name: string }>(
    url,
    `select table_name as name from information_schema.tables where table_schema = 'public' and table_name not like 'kysely%'`,
  );
  expect(tables.map(({ name }) => name).sort()).toEqual([...DUMPED, ...LEFT_OUT].sort());
});
