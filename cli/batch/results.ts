import { open, rename, rm, stat } from 'node:fs/promises';
import type { Cli } from '../cli.ts';
import type { Client } from '../client.ts';
import { failure } from '../failure.ts';
import { batchPath } from './follow-batch.ts';

export interface ResultFile {
  readonly file: string;
  readonly force: boolean;
}

/** Fails where the results could not be written, before anything is run for them. */
export async function assertWritable({ file, force }: ResultFile): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) throw failure('usage_invalid', { '--out': `${file} is a folder` });
  if (found && !force) throw failure('output_exists', { files: [file] });
}

/** The results as JSON Lines, in the order of the tasks: to a file, or to standard output. */
export async function writeResults(
  cli: Cli,
  client: Client,
  id: string,
  target: ResultFile | undefined,
): Promise<void> {
  if (target) return toFile(client, id, target);
  const decoder = new TextDecoder();
  for await (const chunk of client.bytes(`${batchPath(id)}/results`))
    cli.terminal.stdout.write(decoder.decode(chunk, { stream: true }));
}

async function toFile(client: Client, id: string, target: ResultFile): Promise<void> {
  await assertWritable(target);
  const part = `${target.file}.part`;
  try {
    await using handle = await open(part, 'w', 0o600);
    for await (const chunk of client.bytes(`${batchPath(id)}/results`)) await handle.writeFile(chunk);
  } catch (error) {
    await rm(part, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    throw code?.startsWith('E') ? failure('usage_invalid', { '--out': `${target.file}: ${code}` }) : error;
  }
  await rename(part, target.file);
}
