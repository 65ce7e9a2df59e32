import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, open, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackupService } from '../../../orchestrator/backup/backup-service.ts';
import { openStore, type Store } from '../../../orchestrator/store/store.ts';
import { SmallDisk } from '../../support/small-disk.ts';
import { until } from '../../support/service.ts';
import { newTenant } from '../../support/store-rows.ts';

const quiet = { warn: () => undefined };
const openAt = (home: string): Promise<Store> => openStore({ home, log: quiet });
/** Not to be compressed. */
const LARGE = randomBytes(200_000);

describe('a disk that is full', () => {
  it('is told by a code, takes nothing that was committed, leaves no half transaction, and the store goes on when there is room', async () => {
    await using disk = await SmallDisk.mount(120);
    const store = await openAt(disk.path);
    try {
      const { organisation, claw } = await newTenant(store);
      const task = () => ({ id: store.tasks.newId(), organisation, claw: claw.id, timeoutMs: 60_000 });
      const accepted: string[] = [];
      const accept = async (): Promise<void> => {
        const three = [task(), task(), task()].map((row) => ({ ...row, sealedInput: LARGE }));
        await store.batches.create({ id: store.batches.newId(), organisation, claw: claw.id }, three);
        accepted.push(...three.map(({ id }) => id));
      };
      await accept();
      await store.assertRoom();
      await disk.fill(8);
      await expect(store.assertRoom()).rejects.toMatchObject({ code: 'store_full', status: 507 });
      const log = { info: () => undefined };
      const backups = new BackupService({ store, home: disk.path, install: 'a', release: '0.2.0', log });
      await expect(backups.make()).rejects.toMatchObject({ code: 'store_full' });
      const filling = (async () => {
        for (;;) await accept();
      })();
      await expect(filling).rejects.toMatchObject({ code: 'store_full' });

      await disk.makeRoom();
      const answers = () =>
        store.ping().then(
          () => true,
          () => false,
        );
      await until(answers, 'the store to be open again');
      await accept();
      const { items } = await store.tasks.list(organisation, { limit: 1000 });
      const kept = new Set(items.map(({ id }) => id));
      expect(accepted.filter((id) => !kept.has(id))).toEqual([]);
      expect(items.length % 3).toBe(0);
      expect((await store.tasks.sealedInput(organisation, accepted.at(-4)!))?.equals(LARGE)).toBe(true);
    } finally {
      await store.close();
    }

    await disk.fill(8);
    await expect(openAt(disk.path)).rejects.toMatchObject({ code: 'store_full' });
  });
});

describe('a store that was damaged', () => {
  let whole: string;
  let largest: string;
  beforeAll(async () => {
    whole = await mkdtemp(path.join(tmpdir(), 'clawcage-whole-'));
    const store = await openAt(whole);
    const tenant = await newTenant(store);
    for (let count = 0; count < 400; count += 1) await tenant.addTask();
    await store.close();
    largest = await fileOf(whole, 'tasks');
  });
  afterAll(() => rm(whole, { recursive: true, force: true }));

  const damages: [what: string, damage: (store: string) => Promise<void>][] = [
    ['with a control file that is cut off', (store) => truncate(path.join(store, 'global/pg_control'), 100)],
    ['with another write-ahead log', (store) => overwriteLog(path.join(store, 'pg_wal'))],
    ['with two bytes turned in its tasks', (store) => flip(path.join(store, largest))],
    ['with its tasks cut off', (store) => truncate(path.join(store, largest), 8192)],
    ['moved away', (store) => rename(store, `${store}.away`)],
  ];

  it.each(damages)(
    '%s is refused with the remedy, and nothing is made in its place',
    async (_what, damage) => {
      const home = await mkdtemp(path.join(tmpdir(), 'clawcage-damaged-'));
      try {
        await cp(whole, home, { recursive: true });
        const store = path.join(home, 'store');
        await damage(store);
        const before = existsSync(store) ? await names(store) : undefined;
        const refused = {
          code: 'store_corrupt',
          verdict: 'final',
          message: expect.stringContaining('restore'),
        };
        await expect(openAt(home)).rejects.toMatchObject(refused);
        // Neither emptied nor made anew; PostgreSQL may have left a file of its attempt.
        expect(existsSync(store)).toBe(before !== undefined);
        if (before !== undefined) expect(await names(store)).toEqual(expect.arrayContaining(before));
      } finally {
        await rm(home, { recursive: true, force: true });
      }
    },
  );

  it('but for nothing opens', async () => {
    await (await openAt(whole)).close();
  });
});

const names = async (folder: string): Promise<string[]> => (await readdir(folder)).sort();

/** The file of a table, relative to the store. */
async function fileOf(home: string, table: string): Promise<string> {
  const { PGlite } = await import('@electric-sql/pglite');
  const copy = await mkdtemp(path.join(tmpdir(), 'clawcage-look-'));
  await cp(path.join(home, 'store'), copy, { recursive: true });
  const db = await PGlite.create(copy);
  const { rows } = await db.query<{ file: string }>('select pg_relation_filepath($1) as file', [table]);
  await db.close();
  await rm(copy, { recursive: true, force: true });
  expect((await stat(path.join(home, 'store', rows[0]!.file))).size).toBeGreaterThan(2 * 8192);
  return rows[0]!.file;
}

async function flip(file: string): Promise<void> {
  await using handle = await open(file, 'r+');
  const bytes = Buffer.alloc(2);
  await handle.read(bytes, 0, 2, 12_000);
  await handle.write(Buffer.from(bytes.map((byte) => byte ^ 0xff)), 0, 2, 12_000);
}

async function overwriteLog(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (/^[0-9A-F]{24}$/.test(name)) await writeFile(path.join(folder, name), Buffer.alloc(16 << 20, 0x5a));
}
