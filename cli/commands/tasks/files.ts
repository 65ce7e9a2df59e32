import type { Command } from 'commander';
import { z } from 'zod';
import { outputFile } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../../cli.ts';
import { filesPath, saveFiles } from '../../tasks/output-files.ts';
import { writeTable } from '../../terminal/table.ts';
import { size } from '../../terminal/words.ts';

interface Options {
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

const fileList = z.object({ items: z.array(outputFile) });

export function addFilesCommand(tasks: Command, cli: Cli): void {
  tasks
    .command('files')
    .argument('<id>', 'the task')
    .description('list what a task left in /work/out, or write it to a folder')
    .option('--out <folder>', 'write the files there')
    .option('--force', 'overwrite files that are there')
    .option('--json', 'print {"files":[{"path","bytes"}]}')
    .addHelpText(
      'after',
      '\nExamples:\n  clawcage tasks files task_01\n  clawcage tasks files task_01 --out results/\n',
    )
    .action((id: string, options: Options) => files(cli, id, options));
}

async function files(cli: Cli, id: string, { out, force = false, json = false }: Options): Promise<void> {
  const client = clientOf(cli);
  const { items } = await client.get(filesPath(id), fileList);
  if (out !== undefined) await saveFiles(client, id, items, { folder: out, force });
  if (json) return writeJson(cli, { files: items });
  if (out !== undefined)
    return say(cli, `${items.length} ${items.length === 1 ? 'file' : 'files'} written to ${out}.`);
  writeTable(cli.terminal, {
    headings: ['PATH', 'SIZE'],
    rows: items.map(({ path, bytes }) => [path, size(bytes)]),
    empty: 'The task left no files.',
  });
}
