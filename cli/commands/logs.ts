import type { Command } from 'commander';
import { taskReply, type TaskView } from '#protocol/api.ts';
import { clientOf, say, type Cli } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { errorLine } from '../failure.ts';
import { readKept } from '../tasks/kept-events.ts';
import { followTask } from '../tasks/follow.ts';
import { EventLines } from '../tasks/event-lines.ts';
import { coloursFor } from '../terminal/terminal.ts';
import { seconds } from '../terminal/words.ts';

interface Options {
  readonly follow?: boolean;
  readonly json?: boolean;
}

export function addLogsCommand(program: Command, cli: Cli): void {
  program
    .command('logs')
    .summary('what happened to a task')
    .argument('<task>', 'the task')
    .description('when what happened to a task, and its events as far as they are still kept')
    .option('-f, --follow', 'go on until its end')
    .option('--json', 'print a line of JSON for each event, the task last')
    .addHelpText('after', '\nExamples:\n  clawcage logs task_01\n  clawcage logs task_01 --follow\n')
    .action((task: string, options: Options) => logs(cli, task, options));
}

async function logs(cli: Cli, id: string, { follow = false, json = false }: Options): Promise<void> {
  const client = clientOf(cli);
  const path = `/api/v1/tasks/${encodeURIComponent(id)}`;
  const { task } = await client.get(path, taskReply);
  const lines = new EventLines(cli.terminal, { json });
  if (!json) for (const line of timeline(task)) say(cli, line);
  const stopped = new AbortController();
  using _interrupt = cli.terminal.onInterrupt(() => stopped.abort());
  try {
    if (follow) await followTask(client, id, lines, { signal: stopped.signal });
    else await readKept(client, id, lines, stopped.signal);
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    cli.exitCode = EXIT.cancelled;
  }
  lines.close();
  const { task: last } = await client.get(path, taskReply);
  if (json) return void cli.terminal.stdout.write(`${JSON.stringify({ task: last })}\n`);
  if (last.error) say(cli, errorLine(last.error, coloursFor(cli.terminal.stdout, cli.terminal.env)));
}

function timeline(task: TaskView): string[] {
  const rows: [string, string, string][] = [['made', task.createdAt, '']];
  if (task.notBefore !== null) rows.push(['not before', task.notBefore, '']);
  if (task.startedAt !== null)
    rows.push([
      'started',
      task.startedAt,
      `after ${took(task.createdAt, task.startedAt)}, attempt ${task.epoch}`,
    ]);
  if (task.endedAt !== null)
    rows.push([task.state, task.endedAt, `after ${took(task.startedAt ?? task.createdAt, task.endedAt)}`]);
  const now = task.waiting === null ? task.state : `${task.state}, waiting: ${task.waiting}`;
  return [
    `${task.id} of ${task.claw}${task.endedAt === null ? `: ${now}` : ''}`,
    ...rows.map(
      ([what, at, note]) => `  ${at.replace('T', ' ').replace('Z', ' UTC')}  ${`${what} ${note}`.trimEnd()}`,
    ),
    '',
  ];
}

const took = (from: string, to: string): string => seconds(Math.max(0, Date.parse(to) - Date.parse(from)));
