import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { say, writeJson, type Cli } from '../cli.ts';
import { failure } from '../failure.ts';
import { runProgram } from '../service/run-program.ts';

interface Options {
  readonly home: string;
  readonly keks?: string;
  readonly databaseUrl?: string;
  readonly sameInstall?: boolean;
  readonly json?: boolean;
}

const restored = z.object({
  madeAt: z.string(),
  release: z.string(),
  rows: z.int(),
  lostTasks: z.int(),
  droppedDeliveries: z.int(),
  lockedKeys: z.array(z.string()),
  missingKeks: z.array(z.int()),
});
type Restored = z.output<typeof restored>;

export function addRestoreCommand(program: Command, cli: Cli): void {
  program
    .command('restore')
    .summary('make a home of a backup')
    .description(
      'restore a backup into a new home, and, where given, into an empty PostgreSQL; the backup may come from either kind of database',
    )
    .argument('<file>', 'the backup')
    .requiredOption('--home <folder>', 'the new home; must not be there, or be empty')
    .option('--keks <file>', 'the key-encryption keys that were written beside it')
    .option(
      '--database-url <url>',
      'an empty PostgreSQL in place of a database in the home; its password by ~/.pgpass or PGPASSWORD',
    )
    .option(
      '--same-install',
      'take the place of the installation that the backup is of, which must run no more: its name on the engine, its webhooks',
    )
    .option('--json', 'print what was restored')
    .addHelpText(
      'after',
      '\nExamples:\n  clawcage restore monday.backup --keks keks --home /srv/clawcage-2\n  clawcage restore monday.backup --keks keks --home /srv/clawcage-pg --database-url postgres://clawcage@db/clawcage\n',
    )
    .action((file: string, options: Options) => restore(cli, resolve(file), options));
}

async function restore(cli: Cli, file: string, options: Options): Promise<void> {
  const { databaseUrl, sameInstall = false, json = false } = options;
  const keks = options.keks === undefined ? undefined : resolve(options.keks);
  const home = resolve(options.home);
  for (const needed of [file, ...(keks === undefined ? [] : [keks])])
    if (!existsSync(needed)) throw failure('usage_invalid', { file: `${needed} is not there` });
  if (databaseUrl !== undefined) refusePassword(databaseUrl);
  const order = {
    do: 'restore',
    file,
    home,
    sameInstall,
    ...(keks !== undefined && { keks }),
    ...(databaseUrl !== undefined && { databaseUrl }),
  };
  const done = restored.parse(await runProgram(cli.programs.backup, order, cli.terminal.env));
  if (json) return writeJson(cli, { home, ...done });
  for (const line of linesOf(home, databaseUrl, done)) say(cli, line);
}

/** Arguments are seen by every user of the machine. */
function refusePassword(databaseUrl: string): void {
  if (!URL.canParse(databaseUrl)) throw failure('usage_invalid', { '--database-url': 'postgres://…' });
  if (new URL(databaseUrl).password !== '')
    throw failure('usage_invalid', {
      '--database-url': 'without its password: put that into ~/.pgpass or PGPASSWORD',
    });
}

function* linesOf(home: string, databaseUrl: string | undefined, done: Restored): Generator<string> {
  yield `Restored into ${home}: ${done.rows} rows, as of ${done.madeAt}.`;
  if (done.lostTasks > 0)
    yield `${done.lostTasks} tasks had not ended then; they stand as failed (task_content_lost), since no backup holds their inputs.`;
  if (done.droppedDeliveries > 0)
    yield `${done.droppedDeliveries} webhooks that waited are not sent from here.`;
  if (done.lockedKeys.length > 0) {
    yield `These keys do not open here: ${done.lockedKeys.join(', ')}. They are sealed under key-encryption keys (version ${done.missingKeks.join(', ')}) that are not here:`;
    yield `restore once more with --keks, or copy <version>.key into ${home}/kek, or give the keys anew (clawcage keys rotate).`;
  }
  const database = databaseUrl === undefined ? '' : ' CLAWCAGE_DATABASE_URL=…';
  yield `Start it: CLAWCAGE_HOME=${home}${database} clawcage up --no-demo`;
  yield 'It has a new administrator token, and permits no model call in its first 91 s, since the one before may have used the caps.';
}
