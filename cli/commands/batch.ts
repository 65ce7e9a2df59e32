import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { buffer as readBytes } from 'node:stream/consumers';
import type { Command } from 'commander';
import { batchReply, batchView, clawView, LIMITS, page, type BatchReply } from '#protocol/api.ts';
import { pathOfClaw } from '../apply/plan.ts';
import { batchPath, endedOf, followBatch, progressOf } from '../batch/follow-batch.ts';
import { assertWritable, writeResults, type ResultFile } from '../batch/results.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import type { Client } from '../client.ts';
import { EXIT } from '../exit-codes.ts';
import { failure } from '../failure.ts';
import { wholeNumber } from '../terminal/duration.ts';
import { Spinner } from '../terminal/spinner.ts';
import { writeTable } from '../terminal/table.ts';
import { ago, count } from '../terminal/words.ts';

interface RunOptions {
  readonly out?: string;
  readonly force?: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
}

const FORM = `
A line is a task as the API takes it, with a name of yours for it (ref):
  {"ref":"de","text":"Translate: Guten Tag"}
  {"ref":"fr","text":"Translate: Bonjour","priority":5}
`;

export function addBatchCommands(program: Command, cli: Cli): void {
  const batch = program.command('batch').description('many tasks from one file of JSON Lines');

  batch
    .command('run')
    .argument('<claw>', 'the Claw; it is deployed if it is not')
    .argument('<file>', 'the tasks, one on each line; - reads them from standard input')
    .description(
      'run all tasks of a file; the results are JSON Lines, in its order; Ctrl-C cancels what has not ended',
    )
    .option('--out <file>', 'write the results there instead of to standard output')
    .option('--force', 'overwrite that file')
    .option('--detach', 'do not wait for their end')
    .option('--json', 'print only {"batch","usage"}; the results go to --out')
    .addHelpText(
      'after',
      `${FORM}\nExamples:\n  clawcage batch run writer tasks.jsonl --out results.jsonl\n  clawcage batch run writer tasks.jsonl --detach\n\nExits with 0 when every task succeeded, 1 where one did not, 130 cancelled.\n`,
    )
    .action((claw: string, file: string, options: RunOptions) => run(cli, claw, file, options));

  batch
    .command('list')
    .description('list batches, the newest first')
    .option('--claw <name>', 'of this Claw only')
    .option('--limit <n>', 'at most so many', wholeNumber)
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  clawcage batch list --claw writer\n')
    .action((options: { claw?: string; limit?: number; json?: boolean }) => list(cli, options));

  batch
    .command('show')
    .argument('<id>', 'the batch')
    .description('how far a batch is and what it used')
    .option('--json', 'print {"batch","usage"}')
    .addHelpText('after', '\nExample:\n  clawcage batch show batch_01 --json\n')
    .action((id: string, options: { json?: boolean }) => show(cli, id, options.json === true));

  batch
    .command('results')
    .argument('<id>', 'the batch')
    .description('print the results of the tasks that have ended, as JSON Lines')
    .option('--out <file>', 'write them there')
    .option('--force', 'overwrite that file')
    .option('--json', 'the same: they are JSON Lines already')
    .addHelpText('after', '\nExample:\n  clawcage batch results batch_01 --out results.jsonl\n')
    .action((id: string, options: RunOptions) => writeResults(cli, clientOf(cli), id, targetOf(options)));

  batch
    .command('cancel')
    .argument('<id>', 'the batch')
    .description('cancel the tasks of a batch that have not ended')
    .option('--json', 'print {"batch","usage"}')
    .addHelpText('after', '\nExample:\n  clawcage batch cancel batch_01\n')
    .action((id: string, options: { json?: boolean }) => cancel(cli, id, options.json === true));
}

async function run(cli: Cli, claw: string, file: string, options: RunOptions): Promise<void> {
  const json = options.json === true;
  const target = targetOf(options);
  if (target) await assertWritable(target);
  const lines = file === '-' ? await readBytes(cli.terminal.stdin) : await readLines(file);
  const client = clientOf(cli);
  const { batch } = await submit(cli, client, claw, lines);
  if (options.detach) {
    if (json) return writeJson(cli, { batch: { id: batch.id, total: batch.total } });
    say(cli, batch.id);
    return void cli.terminal.stderr.write(
      `${count(batch.total)} tasks. See: clawcage batch show ${batch.id}\n`,
    );
  }
  const reply = await followCancellably(cli, client, batch.id);
  if (!reply) return;
  if (target || !json) await writeResults(cli, client, batch.id, target);
  if (json) writeJson(cli, reply);
  else cli.terminal.stderr.write(`${summary(reply)}\n`);
  const { states, total } = reply.batch;
  if ((states.cancelled ?? 0) > 0 && cli.exitCode === EXIT.cancelled) return;
  cli.exitCode = states.succeeded === total ? EXIT.done : EXIT.taskFailed;
}

async function submit(cli: Cli, client: Client, claw: string, bytes: Buffer): Promise<BatchReply> {
  const spinner = new Spinner(cli.terminal);
  try {
    spinner.show(`sending the tasks to ${claw}`);
    const ask = { bytes, contentType: 'application/x-ndjson', headers: { 'idempotency-key': randomUUID() } };
    const { state } = await client.get(pathOfClaw(claw), clawView);
    if (state !== 'deployed') await client.post(`${pathOfClaw(claw)}/deploy`, clawView);
    return await client.post(`${pathOfClaw(claw)}/batches`, batchReply, ask);
  } finally {
    spinner.clear();
  }
}

async function readLines(file: string): Promise<Buffer> {
  try {
    const { size } = await stat(file);
    if (size > LIMITS.batchBytes)
      throw failure('usage_invalid', {
        file: `${file} is larger than ${LIMITS.batchBytes / 1024 / 1024} MiB`,
      });
    return await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code?.startsWith('E') ? failure('usage_invalid', { file: `${file}: ${code}` }) : error;
  }
}

/** The first Ctrl-C cancels the batch and waits for its end, the second leaves (`undefined`). */
async function followCancellably(cli: Cli, client: Client, id: string): Promise<BatchReply | undefined> {
  const leave = new AbortController();
  using _interrupt = cli.terminal.onInterrupt(() => {
    if (cli.exitCode === EXIT.cancelled) return leave.abort();
    cli.exitCode = EXIT.cancelled;
    cli.terminal.stderr.write('cancelling\n');
    client.post(`${batchPath(id)}/cancel`, batchReply).catch(() => leave.abort());
  });
  try {
    return await followBatch(client, id, cli.terminal, leave.signal);
  } catch (error) {
    if (!leave.signal.aborted) throw error;
    cli.terminal.stderr.write(`Left before the batch ended. See: clawcage batch show ${id}\n`);
    return undefined;
  }
}

async function list(
  cli: Cli,
  { claw, limit, json }: { claw?: string; limit?: number; json?: boolean },
): Promise<void> {
  const query = new URLSearchParams({
    ...(claw !== undefined && { claw }),
    ...(limit !== undefined && { limit: String(limit) }),
  });
  const reply = await clientOf(cli).get(`/api/v1/batches?${query}`, page(batchView));
  if (json) return writeJson(cli, reply);
  writeTable(cli.terminal, {
    headings: ['ID', 'CLAW', 'ENDED', 'FAILED', 'MADE'],
    rows: reply.items.map((batch) => [
      batch.id,
      batch.claw,
      `${count(endedOf(batch))} of ${count(batch.total)}`,
      count((batch.states.failed ?? 0) + (batch.states.timed_out ?? 0)),
      ago(batch.createdAt),
    ]),
    empty: 'No batches: clawcage batch run CLAW FILE.jsonl',
  });
}

async function show(cli: Cli, id: string, json: boolean): Promise<void> {
  const reply = await clientOf(cli).get(batchPath(id), batchReply);
  if (json) return writeJson(cli, reply);
  say(cli, summary(reply));
}

async function cancel(cli: Cli, id: string, json: boolean): Promise<void> {
  const reply = await clientOf(cli).post(`${batchPath(id)}/cancel`, batchReply);
  if (json) return writeJson(cli, reply);
  say(
    cli,
    `Batch ${id} ${reply.batch.done ? 'has ended' : 'is being cancelled'}: ${progressOf(reply.batch)}.`,
  );
}

function summary({ batch, usage }: BatchReply): string {
  return `${batch.id} of ${batch.claw}: ${progressOf(batch)} · ${count(usage.totalTokens)} tokens, ${count(usage.requests)} requests`;
}

function targetOf({ out, force = false }: RunOptions): ResultFile | undefined {
  return out === undefined ? undefined : { file: out, force };
}
