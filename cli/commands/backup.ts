import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { failure } from '../failure.ts';
import { runProgram } from '../service/run-program.ts';

interface Options {
  readonly keks?: string;
  readonly json?: boolean;
}

const saved = z.object({ versions: z.array(z.int()) });
/** Writing it takes as long as there are rows. */
const BACKUP_MS = 60 * 60_000;
const UNWRITABLE = new Set([
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOSPC',
  'EDQUOT',
  'ENAMETOOLONG',
]);

export function addBackupCommand(program: Command, cli: Cli): void {
  program
    .command('backup')
    .summary('write a backup of the running installation')
    .description(
      'write a backup of the running installation into a file: keys (sealed), Claws, tasks, usage; no inputs, answers or files of tasks',
    )
    .argument('<file>', 'where to; replaced only once the new one is whole')
    .option(
      '--keks <file>',
      'also write the key-encryption keys of this home, which open the sealed keys, into a file of their own: keep it elsewhere',
    )
    .option('--json', 'print {"file","bytes","sha256","keks"}')
    .addHelpText(
      'after',
      '\nExamples:\n  clawcage backup /backup/monday.backup\n  clawcage backup /backup/monday.backup --keks /safe/keks\n',
    )
    .action((file: string, options: Options) => backup(cli, resolve(file), options));
}

async function backup(cli: Cli, file: string, { keks, json = false }: Options): Promise<void> {
  if (keks !== undefined && resolve(keks) === file)
    throw failure('usage_invalid', {
      '--keks': 'another file than the backup: whoever has both has every key',
    });
  const { bytes, sha256 } = await fetchBackup(cli, file);
  const versions = keks === undefined ? null : await saveKeks(cli, resolve(keks));
  if (json) return writeJson(cli, { file, bytes, sha256, keks: versions });
  say(cli, `Backup written: ${file} (${bytes} bytes, sha256 ${sha256})`);
  if (keks === undefined)
    say(
      cli,
      'Without the key-encryption keys (--keks) it restores everything, but no provider key opens there.',
    );
  else say(cli, `Key-encryption keys written: ${resolve(keks)}. Keep them apart from the backup.`);
}

/** Whole, with the digest that the service told, or not at all. */
async function fetchBackup(cli: Cli, file: string): Promise<{ bytes: number; sha256: string }> {
  const draft = `${file}.part`;
  try {
    const written = await receive(cli, draft);
    await rename(draft, file);
    return written;
  } catch (error) {
    await rm(draft, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && UNWRITABLE.has(code)) throw failure('usage_invalid', { file, reason: code });
    throw error;
  }
}

async function receive(cli: Cli, draft: string): Promise<{ bytes: number; sha256: string }> {
  const { headers, body } = await clientOf(cli).download('POST', '/api/v1/backup', { timeoutMs: BACKUP_MS });
  const hash = createHash('sha256');
  let bytes = 0;
  await rm(draft, { force: true });
  {
    await using handle = await open(draft, 'wx', 0o600);
    for await (const chunk of body) {
      hash.update(chunk);
      bytes += chunk.length;
      await handle.write(chunk);
    }
    await handle.sync();
  }
  const digest = hash.digest();
  if (headers.get('repr-digest') !== `sha-256=:${digest.toString('base64')}:`)
    throw failure('backup_damaged', { reason: 'what came is not what was sent' });
  return { bytes, sha256: digest.toString('hex') };
}

/** They never go over the network: they are read from the home of this machine. */
async function saveKeks(cli: Cli, file: string): Promise<number[]> {
  const order = { do: 'save-keks', home: cli.place.home, file };
  return saved.parse(await runProgram(cli.programs.backup, order, cli.terminal.env)).versions;
}
