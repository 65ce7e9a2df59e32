import { randomUUID } from 'node:crypto';
import { text as readText } from 'node:stream/consumers';
import type { Command } from 'commander';
import { clawView, taskReply, type TaskCreate, type TaskReply } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import type { Client } from '../client.ts';
import { EXIT } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import { readTaskFiles } from '../tasks/files.ts';
import { followTask } from '../tasks/follow.ts';
import { showOutcome } from '../tasks/outcome.ts';
import { TaskShown } from '../tasks/task-view.ts';
import { duration } from '../terminal/duration.ts';

interface Options {
  readonly file: readonly string[];
  readonly timeout?: number;
  readonly detach?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  clawcage run writer "Summarise the file" --file report.txt
  clawcage run writer - < question.txt
  clawcage run writer "Count the lines" --file a.csv --file b.csv --timeout 2m --json

Exits with 0 when the task succeeded, 1 failed, 6 timed out, 130 cancelled.
`;

export function addRunCommand(program: Command, cli: Cli): void {
  program
    .command('run')
    .argument('<name>', 'the Claw; it is deployed if it is not')
    .argument('<text>', 'what to do; - reads it from standard input')
    .description(
      'run one task: the text streams to standard output, progress to standard error; Ctrl-C cancels the task',
    )
    .option(
      '--file <file>',
      'a file for the task; may be given several times',
      (file, all: string[]) => [...all, file],
      [],
    )
    .option('--timeout <time>', 'the longest that it may take, such as 90s or 10m', duration)
    .option('--detach', 'do not wait for its end')
    .option('--json', 'print only the outcome, as JSON')
    .addHelpText('after', EXAMPLES)
    .action((name: string, text: string, options: Options) => run(cli, name, text, options));
}

async function run(cli: Cli, name: string, text: string, options: Options): Promise<void> {
  const json = options.json === true;
  const body: TaskCreate = {
    text: text === '-' ? await readText(cli.terminal.stdin) : text,
    files: await readTaskFiles(options.file),
    ...(options.timeout !== undefined && { timeoutMs: options.timeout }),
  };
  const client = clientOf(cli);
  const shown = new TaskShown(cli.terminal, { stream: !json });
  try {
    await deployIfNot(client, name, shown);
    const { task } = await submit(client, name, body);
    if (options.detach) return detached(cli, task, json);
    const reply = await followCancellably(cli, client, task.id, shown);
    if (reply) cli.exitCode = await showOutcome(cli.terminal, client, reply, { json, shown });
    else cli.exitCode = EXIT.cancelled;
  } finally {
    shown.close();
  }
}

async function deployIfNot(client: Client, name: string, shown: TaskShown): Promise<void> {
  const path = `/api/v1/claws/${encodeURIComponent(name)}`;
  const claw = await client.get(path, clawView);
  if (claw.state === 'deployed') return;
  shown.progress(`deploying ${name}`);
  shown.working(`deploying ${name}`);
  await client.post(`${path}/deploy`, clawView);
}

/** One Idempotency-Key for both tries, so that an answer lost on the way does not make a second task. */
async function submit(client: Client, name: string, body: TaskCreate): Promise<TaskReply> {
  const path = `/api/v1/claws/${encodeURIComponent(name)}/tasks`;
  const ask = { body, headers: { 'idempotency-key': randomUUID() } };
  try {
    return await client.post(path, taskReply, ask);
  } catch (error) {
    if (
      !(error instanceof Failure) ||
      error.details?.reason === 'ECONNREFUSED' ||
      error.code !== 'server_unreachable'
    )
      throw error;
    return client.post(path, taskReply, ask);
  }
}

function detached(cli: Cli, { id, state }: TaskReply['task'], json: boolean): void {
  if (json) return writeJson(cli, { task: { id, state } });
  say(cli, id);
  cli.terminal.stderr.write(`${state}. Follow it with: clawcage tasks watch ${id}\n`);
}

/** How long the end of a cancelled task is waited for. */
const CANCEL_MS = 10_000;

/** Follows the task; the first Ctrl-C cancels it and waits for its end, the second leaves at once (`undefined`). */
async function followCancellably(
  cli: Cli,
  client: Client,
  id: string,
  shown: TaskShown,
): Promise<TaskReply | undefined> {
  const leave = new AbortController();
  let giveUp: NodeJS.Timeout | undefined;
  let asked: Promise<unknown> | undefined;
  using _interrupt = cli.terminal.onInterrupt(() => {
    if (asked) return leave.abort();
    shown.progress('cancelling');
    giveUp = setTimeout(() => leave.abort(), CANCEL_MS);
    // A task that has ended meanwhile refuses it; its end is what is shown then.
    asked = client
      .post(`/api/v1/tasks/${encodeURIComponent(id)}/cancel`, taskReply, { timeoutMs: CANCEL_MS })
      .catch(() => undefined);
  });
  try {
    return await followTask(client, id, shown, { signal: leave.signal });
  } catch (error) {
    if (leave.signal.aborted) {
      cli.terminal.stderr.write(`Left before the task ended. See: clawcage tasks get ${id}\n`);
      return undefined;
    }
    throw withTask(error, id);
  } finally {
    clearTimeout(giveUp);
  }
}

/** Names the task, which goes on without us. */
function withTask(error: unknown, id: string): unknown {
  if (!(error instanceof Failure) || error.code !== 'server_unreachable') return error;
  const { code, message, details, requestId } = error;
  return new Failure({
    code,
    message,
    details: { ...details, task: id, later: `clawcage tasks watch ${id}` },
    requestId,
    status: 503,
  });
}
