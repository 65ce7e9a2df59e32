import { Command } from 'commander';
import type { Cli } from './cli.ts';
import { addBackupCommand } from './commands/backup.ts';
import { addBatchCommands } from './commands/batch.ts';
import { addClawsCommands } from './commands/claws.ts';
import { addCompletionCommands } from './commands/completion.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addDownCommand } from './commands/down.ts';
import { addKeysCommands } from './commands/keys.ts';
import { addLimitsCommands } from './commands/limits.ts';
import { addLogsCommand } from './commands/logs.ts';
import { addRestoreCommand } from './commands/restore.ts';
import { addRunCommand } from './commands/run.ts';
import { addStatusCommand } from './commands/status.ts';
import { addTasksCommands } from './commands/tasks.ts';
import { addUpCommand } from './commands/up.ts';
import { addUsageCommand } from './commands/usage.ts';
import { addWebhooksCommands } from './commands/webhooks.ts';
import { coloursFor, widthOf } from './terminal/terminal.ts';

const AFTER = `
Environment:
  CLAWCAGE_HOME   where the installation lives (~/.clawcage)
  CLAWCAGE_HOST   address to listen on (127.0.0.1)
  CLAWCAGE_PORT   port to listen on (4180)

Exit codes:
  0 done   1 task failed (diff: something differs)   2 usage   3 not set up   4 cannot reach the server
  5 refused   6 timed out   130 cancelled

Examples:
  clawcage up                                             start everything; on an empty store, the demo
  clawcage keys add work --provider openai < key.txt      bring your own key
  clawcage claws create writer --model gpt-4.1-mini --key work --tpm 60000
  clawcage run writer "Summarise the file" --file report.txt
  clawcage claws apply -f claw.yaml                       Claws as files
  clawcage doctor                                         what is wrong, and what to do
`;

/** The whole command line as a value. */
export function buildProgram(cli: Cli): Command {
  const { terminal } = cli;
  const program = new Command('clawcage')
    .description('Runs AI agents in cages of their own, with your model key sealed away from them.')
    .exitOverride()
    .showSuggestionAfterError(true)
    .showHelpAfterError('Try it with --help.')
    .addHelpText('after', AFTER)
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      getOutHelpWidth: () => widthOf(terminal.stdout) ?? 100,
      getErrHelpWidth: () => widthOf(terminal.stderr) ?? 100,
      outputError: (text, write) => {
        const label = coloursFor(terminal.stderr, terminal.env).red('error[usage_invalid]');
        write(text.replace(/^error:/, `${label}:`));
      },
    });
  addUpCommand(program, cli);
  addDownCommand(program, cli);
  addStatusCommand(program, cli);
  addDoctorCommand(program, cli);
  addBackupCommand(program, cli);
  addRestoreCommand(program, cli);
  addKeysCommands(program, cli);
  addClawsCommands(program, cli);
  addRunCommand(program, cli);
  addTasksCommands(program, cli);
  addBatchCommands(program, cli);
  addLogsCommand(program, cli);
  addUsageCommand(program, cli);
  addLimitsCommands(program, cli);
  addWebhooksCommands(program, cli);
  addCompletionCommands(program, cli);
  return program;
}
