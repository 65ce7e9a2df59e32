import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import { Secret } from '#secret/secret.ts';
import { isWrappedBy, readHeader } from '#vault/envelope.ts';
import type { Log } from '../log.ts';
import type { fillStore, Loaded, Loading } from '../store/restored-store.ts';
import { createKeyFile, readKeyFile } from '../vault/key-file.ts';
import { readBackup, verifyBackup, type BackupHeader } from './backup-file.ts';
import { restoreKeks } from './kek-file.ts';

export interface RestoreOrder {
  readonly file: string;
  /** Made; may be there if it is empty. */
  readonly home: string;
  readonly keks?: string | undefined;
  readonly databaseUrl?: string | undefined;
  /** It takes the place of the installation that the backup is of, which runs no more. */
  readonly sameInstall: boolean;
}

export interface Restored {
  readonly madeAt: string;
  readonly release: string;
  readonly rows: number;
  readonly lostTasks: number;
  readonly droppedDeliveries: number;
  /** Names of provider keys that do not open with the key-encryption keys that are there now, and the versions that would open them. */
  readonly lockedKeys: readonly string[];
  readonly missingKeks: readonly number[];
}

interface Parts {
  readonly fillStore: typeof fillStore;
  readonly log: Pick<Log, 'warn'>;
}

const ROWS_AT_ONCE = 100;

/**
 * Restores a backup into a home of its own: whole, or not at all. Credentials are new (administrator's token, the key that signs capabilities), as is, unless it takes the place
 * of the former one, the name of the installation. Throws `backup_damaged`, `backup_newer`, `restore_not_empty`, and what the database throws.
 */
export async function restore(order: RestoreOrder, parts: Parts): Promise<Restored> {
  const { home } = order;
  await assertEmptyFolder(home);
  // Before anything is touched.
  const header = await verifyBackup(order.file);
  const isThere = existsSync(home);
  // One that is there may be a disk of its own: then it is filled from inside.
  const draft = join(isThere ? home : dirname(home), `.restore-${randomBytes(8).toString('hex')}`);
  await mkdir(draft, { recursive: true, mode: 0o700 });
  try {
    const restored = await fill(order, header, draft, parts);
    if (isThere) await moveUp(draft, home);
    else await rename(draft, home);
    return restored;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function fill(
  { file, keks, databaseUrl, sameInstall }: RestoreOrder,
  header: BackupHeader,
  draft: string,
  { fillStore, log }: Parts,
): Promise<Restored> {
  if (sameInstall) await writeFile(join(draft, 'install-id'), `${header.install}\n`, { mode: 0o600 });
  const versions = keks === undefined ? [] : await restoreKeks(keks, draft);
  let rows = 0;
  const loaded = await fillStore(
    {
      home: draft,
      ...(databaseUrl !== undefined && { databaseUrl }),
      migrations: header.migrations,
      carriesOn: sameInstall,
      log,
    },
    async (loading) => {
      rows = await copyRows(file, loading);
    },
  );
  await rm(join(draft, 'store.pid'), { force: true });
  return {
    madeAt: header.madeAt,
    release: header.release,
    rows,
    lostTasks: loaded.lostTasks,
    droppedDeliveries: loaded.droppedDeliveries,
    ...(await lockedKeys(draft, versions, loaded.keys)),
  };
}

async function copyRows(file: string, loading: Loading): Promise<number> {
  let table: { readonly table: string; readonly columns: readonly string[] } | undefined;
  let some: string[] = [];
  let rows = 0;
  const flush = async (): Promise<void> => {
    if (table !== undefined && some.length > 0) await loading.load(table.table, table.columns, some);
    rows += some.length;
    some = [];
  };
  for await (const part of readBackup(file)) {
    if (part.kind === 'row') some.push(part.row);
    if (part.kind === 'table' || some.length >= ROWS_AT_ONCE) await flush();
    if (part.kind === 'table') table = part;
  }
  await flush();
  return rows;
}

/** A home without the keys of before seals with a version above theirs, so that they can still be put beside it. */
async function lockedKeys(
  draft: string,
  versions: readonly number[],
  keys: Loaded['keys'],
): Promise<Pick<Restored, 'lockedKeys' | 'missingKeks'>> {
  const dir = join(draft, 'kek');
  const locked = [];
  const missing = new Set<number>();
  for (const { name, record } of keys) {
    const version = versionOf(record);
    using kek =
      version !== undefined && versions.includes(version)
        ? await readKeyFile(join(dir, `${version}.key`))
        : undefined;
    if (kek instanceof Secret && isWrappedBy(kek, record)) continue;
    locked.push(name);
    if (version !== undefined) missing.add(version);
  }
  if (versions.length === 0) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await createKeyFile(join(dir, `${Math.max(0, ...missing) + 1}.key`));
  }
  return { lockedKeys: locked, missingKeks: [...missing].sort((a, b) => a - b) };
}

/** Undefined for a record that is none: that key is lost, and no reason not to restore the others. */
function versionOf(record: Buffer): number | undefined {
  try {
    return readHeader(record).version;
  } catch {
    return undefined;
  }
}

async function moveUp(draft: string, home: string): Promise<void> {
  for (const name of await readdir(draft)) await rename(join(draft, name), join(home, name));
  await rmdir(draft);
}

async function assertEmptyFolder(home: string): Promise<void> {
  if (existsSync(home) && (await readdir(home)).length > 0)
    throw new CodedError('restore_not_empty', { what: home });
}
