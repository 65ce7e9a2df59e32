import { Option, type Command } from 'commander';
import { page, taskReply, taskView, type TaskView } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { errorLine } from '../failure.ts';
import { followTask } from '../tasks/follow.ts';
import { showOutcome } from '../tasks/outcome.ts';
import { TaskShown } from '../tasks/task-view.ts';
import { wholeNumber } from '../terminal/duration.ts';
import { writeTable } from '../terminal/table.ts';
import { coloursFor } from '../terminal/terminal.ts';
import { ago, count, seconds } from '../terminal/words.ts';
import { addCallCommands } from './tasks/calls.ts';
import { addDeliveriesCommand } from './tasks/deliveries.ts';
import { addFilesCommand } from './tasks/files.ts';

interface ListOptions {
  readonly claw?: string;
  readonly batch?: string;
  readonly state?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly json?: boolean;
}

export function addTasksCommands(program: Command, cli: Cli): void {
  const tasks = program
    .command('tasks')
    .summary('pieces of work: look, watch, answer, cancel')
    .description('pieces of work: look, watch, answer their calls, fetch their files, cancel');

  tasks
    .command('get')
    .argument('<id>', 'the task')
    .description('show one task and what it used')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  clawcage tasks get task_01 --json\n')
    .action((id: string, options: { json?: boolean }) => get(cli, id, options.json === true));

  tasks
    .command('list')
    .description('list tasks, the newest first')
    .option('--claw <name>', 'of this Claw only')
    .option('--batch <id>', 'of this batch only')
    .addOption(new Option('--state <state>', 'in this state only').choices(taskView.shape.state.options))
    .option('--limit <n>', 'at most so many', wholeNumber)
    .option('--cursor <cursor>', 'go on from `nextCursor` of the page before')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  clawcage tasks list --claw writer --state running\n  clawcage tasks list --limit 200 --json\n',
    )
    .action((options: ListOptions) => list(cli, options));

  tasks
    .command('watch')
    .argument('<id>', 'the task')
    .description(
      'follow a task to its end: text on standard output, progress on standard error; Ctrl-C stops watching, not the task',
    )
    .option('--json', 'print only the outcome, as run --json does')
    .addHelpText('after', '\nExample:\n  clawcage tasks watch task_01\n')
    .action((id: string, options: { json?: boolean }) => watch(cli, id, options.json === true));

  tasks
    .command('cancel')
    .argument('<id>', 'the task')
    .description('cancel a task')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  clawcage tasks cancel task_01\n')
    .action((id: string, options: { json?: boolean }) => cancel(cli, id, options.json === true));

  addCallCommands(tasks, cli);
  addFilesCommand(tasks, cli);
  addDeliveriesCommand(tasks, cli);
}

const pathOf = (id: string): string => `/api/v1/tasks/${encodeURIComponent(id)}`;

async function get(cli: Cli, id: string, json: boolean): Promise<void> {
  const reply = await clientOf(cli).get(pathOf(id), taskReply);
  if (json) return writeJson(cli, reply);
  const { task, usage } = reply;
  say(cli, `${task.id} of ${task.claw}: ${stateWords(task)}`);
  say(
    cli,
    `  made    ${ago(task.createdAt)}${task.endedAt === null ? '' : `, took ${tookOf(task)}`}, attempt ${task.epoch}`,
  );
  say(
    cli,
    `  tokens  ${count(usage.totalTokens)} (${count(usage.inputTokens)} in, ${count(usage.outputTokens)} out), ${count(usage.requests)} requests`,
  );
  if (task.error) say(cli, `  ${errorLine(task.error, coloursFor(cli.terminal.stdout, cli.terminal.env))}`);
}

async function list(cli: Cli, { json, limit, ...filter }: ListOptions): Promise<void> {
  const query = new URLSearchParams({ ...filter, ...(limit !== undefined && { limit: String(limit) }) });
  const reply = await clientOf(cli).get(`/api/v1/tasks?${query}`, page(taskView));
  if (json) return writeJson(cli, reply);
  writeTable(cli.terminal, {
    headings: ['ID', 'CLAW', 'STATE', 'MADE', 'TOOK', 'ERROR'],
    rows: reply.items.map((task) => [
      task.id,
      task.claw,
      stateWords(task),
      ago(task.createdAt),
      tookOf(task),
      task.error?.code ?? '',
    ]),
    empty: 'No tasks: clawcage run NAME "what to do"',
  });
  if (reply.nextCursor !== null) cli.terminal.stderr.write(`more: --cursor ${reply.nextCursor}\n`);
}

async function watch(cli: Cli, id: string, json: boolean): Promise<void> {
  const client = clientOf(cli);
  const shown = new TaskShown(cli.terminal, { stream: !json });
  const stopped = new AbortController();
  using _interrupt = cli.terminal.onInterrupt(() => stopped.abort());
  try {
    const reply = await followTask(client, id, shown, { signal: stopped.signal });
    cli.exitCode = await showOutcome(cli.terminal, client, reply, { json, shown });
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    cli.terminal.stderr.write(`The task goes on. Cancel it with: clawcage tasks cancel ${id}\n`);
    cli.exitCode = EXIT.cancelled;
  } finally {
    shown.close();
  }
}

async function cancel(cli: Cli, id: string, json: boolean): Promise<void> {
  const reply = await clientOf(cli).post(`${pathOf(id)}/cancel`, taskReply);
  if (json) return writeJson(cli, reply);
  say(
    cli,
    reply.task.endedAt === null ? `Task ${id} is being cancelled.` : `Task ${id} ${stateWords(reply.task)}.`,
  );
}

function stateWords(task: TaskView): string {
  return task.waiting === null ? task.state : `${task.state} (${task.waiting})`;
}

function tookOf(task: TaskView): string {
  return task.endedAt === null ? '' : seconds(Date.parse(task.endedAt) - Date.parse(task.createdAt));
}
