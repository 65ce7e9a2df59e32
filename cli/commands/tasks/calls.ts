import { text as readText } from 'node:stream/consumers';
import type { Command } from 'commander';
import { functionCall } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../../cli.ts';
import { failure } from '../../failure.ts';
import { callsPath, sendResult } from '../../tasks/function-runner.ts';
import { writeTable } from '../../terminal/table.ts';
import { ago, until } from '../../terminal/words.ts';

export function addCallCommands(tasks: Command, cli: Cli): void {
  tasks
    .command('calls')
    .argument('<task>', 'the task')
    .description('list the calls of your functions that wait for a result')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  clawcage tasks calls task_01 --json\n')
    .action((task: string, options: { json?: boolean }) => calls(cli, task, options.json === true));

  tasks
    .command('answer')
    .argument('<task>', 'the task')
    .argument('<call>', 'the call, of clawcage tasks calls')
    .argument('[result]', 'the result; - or none reads it from standard input')
    .description('give a call of your function its result')
    .option('--failed', 'the call failed, and the text says why')
    .option('--json', 'print {"task","call","ok"}')
    .addHelpText(
      'after',
      '\nExamples:\n  clawcage tasks answer task_01 call_1 \'{"rain":false}\'\n  ./weather.sh | clawcage tasks answer task_01 call_1 -\n  clawcage tasks answer task_01 call_1 "no such town" --failed\n',
    )
    .action(
      (
        task: string,
        call: string,
        result: string | undefined,
        options: { failed?: boolean; json?: boolean },
      ) => answer(cli, { task, call, result }, options),
    );
}

async function calls(cli: Cli, task: string, json: boolean): Promise<void> {
  const items = await clientOf(cli).all(callsPath(task), functionCall);
  if (json) return writeJson(cli, { items, nextCursor: null });
  writeTable(cli.terminal, {
    headings: ['CALL', 'FUNCTION', 'ASKED', 'WAITS', 'ARGUMENTS'],
    rows: items.map((call) => [call.id, call.name, ago(call.askedAt), until(call.deadline), call.arguments]),
    empty: 'No call waits for a result.',
  });
}

async function answer(
  cli: Cli,
  { task, call, result }: { task: string; call: string; result: string | undefined },
  { failed = false, json = false }: { failed?: boolean; json?: boolean },
): Promise<void> {
  const { stdin } = cli.terminal;
  if (result === undefined && stdin.isTTY)
    throw failure('usage_invalid', { result: 'give it as an argument, or on standard input' });
  const output = result === undefined || result === '-' ? (await readText(stdin)).replace(/\n$/, '') : result;
  await sendResult(clientOf(cli), { id: call, task }, { output, ok: !failed });
  if (json) return writeJson(cli, { task, call, ok: !failed });
  say(cli, `Call ${call} answered.`);
}
