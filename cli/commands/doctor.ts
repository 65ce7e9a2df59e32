import type { Command } from 'commander';
import { doctorReply, type DoctorCheck } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { checksBesideService, checksWithoutService } from '../doctor/local-checks.ts';
import { showLeftovers } from '../doctor/leftovers.ts';
import { EXIT } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import { logOf } from '../service/place.ts';
import { findRunning } from '../service/running.ts';
import { Spinner } from '../terminal/spinner.ts';
import { coloursFor, widthOf } from '../terminal/terminal.ts';
import { wrapped } from '../terminal/wrap.ts';

interface Options {
  readonly cage: boolean;
  readonly leftovers?: boolean;
  readonly json?: boolean;
}

/** Longer than the service gives its slowest examination. */
const ANSWER_MS = 90_000;

export function addDoctorCommand(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .summary('look at every part closely, say what is wrong and what to do')
    .description(
      'look at every part closely, say what is wrong and what to do; opens a cage and has it prove itself',
    )
    .option('--no-cage', 'leave the cage out')
    .option('--leftovers', 'only list what nobody needs any more, why, and when it goes; removes nothing')
    .option('--json', 'print {"ok","checks":[{"name","ok","found","reason","remedy","ms"}]}')
    .addHelpText(
      'after',
      '\nExamples:\n  clawcage doctor\n  clawcage doctor --no-cage --json\n  clawcage doctor --leftovers\n\nExits with 0 where all is well, 1 where something is not, 4 where the service does not run.\n',
    )
    .action((options: Options) =>
      options.leftovers ? showLeftovers(cli, options.json ?? false) : doctor(cli, options),
    );
}

async function doctor(cli: Cli, { cage, json = false }: Options): Promise<void> {
  const spinner = new Spinner(cli.terminal);
  spinner.show(cage ? 'looking at every part, opening a cage' : 'looking at every part');
  const checks = await allChecks(cli, cage).finally(() => spinner.clear());
  const ok = checks.every((check) => check.ok);
  if (checks[0]?.ok === false) cli.exitCode = EXIT.unreachable;
  else if (!ok) cli.exitCode = EXIT.taskFailed;
  if (json) return writeJson(cli, { ok, checks });
  for (const check of checks) for (const line of linesOf(cli, check)) say(cli, line);
  const wrong = checks.filter((check) => !check.ok).length;
  say(cli, ok ? 'All is well.' : `${wrong} of ${checks.length} ${wrong === 1 ? 'needs' : 'need'} attention.`);
}

/** The service's first; the others are its own where it answers, else those that can be made from here. */
async function allChecks(cli: Cli, cage: boolean): Promise<DoctorCheck[]> {
  const began = performance.now();
  const service = (check: Partial<DoctorCheck>): DoctorCheck => ({
    name: 'service',
    ok: false,
    ms: Math.round(performance.now() - began),
    ...check,
  });
  try {
    const running = await findRunning(cli);
    if (!running) {
      const remedy = 'start it: clawcage up';
      return [
        service({ reason: `nothing answers at ${clientOf(cli).url}`, remedy }),
        ...(await checksWithoutService(cli)),
      ];
    }
    const path = `/api/v1/doctor${cage ? '' : '?cage=false'}`;
    const { checks } = await clientOf(cli).get(path, doctorReply, { timeoutMs: ANSWER_MS });
    return [service({ ok: true, found: running.url }), ...checks, ...(await checksBesideService(cli))];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const remedy = `look at its log: ${logOf(cli.place)}`;
    return [
      service({ reason: `${error.code}: ${error.message}`, remedy }),
      ...(await checksBesideService(cli)),
    ];
  }
}

function linesOf(cli: Cli, { name, ok, found, reason, remedy }: DoctorCheck): string[] {
  const { green, red, dim, yellow } = coloursFor(cli.terminal.stdout, cli.terminal.env);
  const width = widthOf(cli.terminal.stdout);
  const more = ok ? found : reason;
  const head =
    `${name.padEnd(12)}${more === undefined ? '' : ` ${more.replace(/[\p{Cc}]+/gu, ' ')}`}`.trimEnd();
  const first = wrapped(head, width, 4).map((line, index) =>
    index === 0 ? `${ok ? green('✓') : red('✗')} ${line}` : `    ${dim(line)}`,
  );
  if (ok || remedy === undefined) return first;
  return [...first, ...wrapped(`→ ${remedy}`, width, 4).map((line) => `    ${yellow(line)}`)];
}
