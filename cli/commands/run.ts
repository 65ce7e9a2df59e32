import { randomUUID } from 'node:crypto';
import { Option, type Command } from 'commander';
import { clawView, taskReply, type TaskCreate, type TaskReply } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import type { Client } from '../client.ts';
import { EXIT } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import { followTask, type Follower } from '../tasks/follow.ts';
import { FunctionRunner, readHandlers } from '../tasks/function-runner.ts';
import { readInput, type InputOptions } from '../tasks/input.ts';
import { showOutcome } from '../tasks/outcome.ts';
import { assertFolder } from '../tasks/output-files.ts';
import { TaskShown } from '../tasks/task-view.ts';
import { duration } from '../terminal/duration.ts';
import { gather, integer } from '../terminal/options.ts';
import { delay, pointInTime } from '../terminal/point-in-time.ts';

interface Options extends InputOptions {
  readonly onFunction: readonly string[];
  readonly out?: string;
  readonly force?: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  clawcage run writer "Summarise the file" --file report.txt
  clawcage run writer - < question.txt
  clawcage run writer "Count the lines" --file a.csv --file b.csv --timeout 2m --json
  clawcage run seer "What is on it?" --image photo.jpg --schema answer.schema.json
  clawcage run writer "Make a chart of the figures" --file a.csv --out results/
  clawcage run helper "Is it raining?" --functions functions.json --on-function weather=./weather.sh
  clawcage run writer "The nightly report" --not-before 2026-03-01T02:00 --deadline 2026-03-01T06:00 --detach

Exits with 0 when the task succeeded, 1 failed, 6 timed out, 130 cancelled.
`;

export function addRunCommand(program: Command, cli: Cli): void {
  program
    .command('run')
    .argument('<name>', 'the Claw; it is deployed if it is not')
    .argument('<text>', 'what to do; - reads it from standard input')
    .summary('run one task')
    .description(
      'run one task: the text streams to standard output, progress to standard error; Ctrl-C cancels the task',
    )
    .option('--file <file>', 'a file for the task; may be given several times', gather, [])
    .option(
      '--image <file>',
      'a PNG, JPEG, WebP or GIF for the model to see; may be given several times',
      gather,
      [],
    )
    .option('--schema <file>', 'JSON Schema that the answer has to fit')
    .option('--json-answer', 'the answer is to be JSON of any form')
    .option('--out <folder>', 'write what the task leaves in /work/out there')
    .option('--force', 'with --out, overwrite files that are there')
    .option(
      '--functions <file>',
      'functions of yours that the model may call: a list of {name, description, parameters}',
    )
    .option(
      '--on-function <name=command>',
      'run this for a call: the arguments on its standard input, what it prints is the result; may be given several times',
      gather,
      [],
    )
    .option(
      '--priority <n>',
      'of the waiting tasks of a Claw the highest goes first, -100 to 100',
      integer(-100, 100),
    )
    .option('--timeout <time>', 'the longest that it may take, such as 90s or 10m', duration)
    .option('--not-before <time>', 'do not begin earlier', pointInTime)
    .option('--delay <time>', 'do not begin earlier than so much from now', delay)
    .option('--deadline <time>', 'end it where it has not ended by then', pointInTime)
    .addOption(new Option('--webhook <url>', 'address that is called when it ends'))
    .option('--detach', 'do not wait for its end')
    .option('--json', 'print only the outcome, as JSON')
    .addHelpText('after', EXAMPLES)
    .action((name: string, text: string, options: Options) => run(cli, name, text, options));
}

async function run(cli: Cli, name: string, text: string, options: Options): Promise<void> {
  const json = options.json === true;
  const body = await readInput(cli.terminal, text, options);
  const handlers = readHandlers(
    options.onFunction,
    (body.functions ?? []).map((one) => one.name),
  );
  const target =
    options.out === undefined ? undefined : { folder: options.out, force: options.force === true };
  if (target) await assertFolder(target);
  const client = clientOf(cli);
  const shown = new TaskShown(cli.terminal, { stream: !json });
  try {
    await deployIfNot(client, name, shown);
    const { task } = await submit(client, name, body);
    if (options.detach) return detached(cli, task, json);
    const functions = new FunctionRunner({
      client,
      task: task.id,
      handlers,
      env: cli.terminal.env,
      say: (line) => shown.progress(line),
    });
    const reply = await followCancellably(cli, client, { id: task.id, shown, functions }).finally(() =>
      functions.close(),
    );
    if (reply)
      cli.exitCode = await showOutcome(cli.terminal, client, reply, {
        json,
        shown,
        ...(target && { target }),
      });
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
  { id, shown, functions }: { id: string; shown: TaskShown; functions: FunctionRunner },
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
    return await followTask(client, id, answering(shown, functions), { signal: leave.signal });
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

/** Shows the task, and answers its calls. */
function answering(shown: TaskShown, functions: FunctionRunner): Follower {
  return {
    onEvent(event) {
      shown.onEvent(event);
      if (event.kind === 'function_call') functions.take(event.call);
    },
    onGap() {
      shown.onGap();
      void functions.lookAgain();
    },
    onConnection(connected) {
      shown.onConnection(connected);
      if (connected) void functions.lookAgain();
    },
  };
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
