import { CommanderError } from 'commander';
import type { Cli, Programs } from './cli.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { Failure, failure, failureJson, errorLine } from './failure.ts';
import { buildProgram } from './program.ts';
import { placeFrom } from './service/place.ts';
import { coloursFor, type Terminal } from './terminal/terminal.ts';

/** Runs one command line to its end; never throws and never ends the process. */
export async function runCli(
  argv: readonly string[],
  terminal: Terminal,
  programs: Programs,
): Promise<ExitCode> {
  try {
    const cli: Cli = { terminal, place: placeFrom(terminal.env), programs, exitCode: EXIT.done };
    await buildProgram(cli).parseAsync(argv, { from: 'user' });
    return cli.exitCode;
  } catch (error) {
    // Commander has written its help or its complaint already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const known = error instanceof Failure ? error : unexpected(error);
    const json = argv.includes('--json');
    const text = json
      ? JSON.stringify(failureJson(known))
      : errorLine(known, coloursFor(terminal.stderr, terminal.env));
    terminal.stderr.write(`${text}\n`);
    return known.exitCode;
  }
}

/** A bug of ours, or the machine's fault (a full disk): its first line only, since no content must end up in a report. */
function unexpected(error: unknown): Failure {
  const reason =
    error instanceof Error ? `${error.name}: ${error.message.split('\n')[0] ?? ''}` : typeof error;
  return failure('internal', { reason });
}
