import { mkdirSync } from 'node:fs';
import type { Command } from 'commander';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { allowHosts, demoPlan } from '../demo/plan.ts';
import { showDemo } from '../demo/demo.ts';
import { endSimulator, type DemoPlan } from '../demo/simulator.ts';
import { EXIT } from '../exit-codes.ts';
import { Failure, errorLine } from '../failure.ts';
import { removePidFile } from '../service/pid-file.ts';
import { adminToken, logOf, pidFileOf } from '../service/place.ts';
import { endProcess } from '../service/process.ts';
import { findRunning } from '../service/running.ts';
import { startService, type Started } from '../service/start-service.ts';
import { Steps } from '../terminal/steps.ts';
import { coloursFor } from '../terminal/terminal.ts';

interface Options {
  readonly detach?: boolean;
  readonly demo: boolean;
  readonly json?: boolean;
}

const END_MS = 20_000;

export function addUpCommand(program: Command, cli: Cli): void {
  program
    .command('up')
    .summary('start everything')
    .description(
      'start the service and stay until Ctrl-C; on an empty store make the demo Claw and run its first task',
    )
    .option('--detach', 'return when the service is ready')
    .option('--no-demo', 'no demo, and no simulator')
    .option('--json', 'print {"url","home","pid"} when ready, and nothing else')
    .addHelpText(
      'after',
      '\nExamples:\n  clawcage up\n  clawcage up --detach --no-demo --json\n  CLAWCAGE_PORT=4280 CLAWCAGE_HOME=/srv/clawcage clawcage up --detach\n',
    )
    .action((options: Options) => up(cli, options));
}

async function up(cli: Cli, options: Options): Promise<void> {
  mkdirSync(cli.place.home, { recursive: true, mode: 0o700 });
  const running = await findRunning(cli);
  if (running) {
    if (options.json) return writeJson(cli, { ...running, home: cli.place.home });
    say(
      cli,
      `ClawCage runs already (home ${cli.place.home}${running.pid === null ? '' : `, pid ${running.pid}`}).`,
    );
    return sayAddress(cli);
  }
  const stop = new AbortController();
  using _interrupt = cli.terminal.onInterrupt(() => stop.abort());
  const steps = new Steps(cli, { silent: options.json === true });
  const plan = options.demo ? await demoPlan(cli) : undefined;
  let service: Started;
  try {
    service = await start(cli, { plan, steps, signal: stop.signal });
  } catch (error) {
    steps.close();
    if (!stop.signal.aborted) throw error;
    cli.exitCode = EXIT.cancelled;
    return;
  }
  if (options.json) writeJson(cli, { url: service.url, home: cli.place.home, pid: service.pid });
  else sayAddress(cli);
  if (plan) await demoOrReason(cli, plan, { steps, signal: stop.signal });
  if (options.detach && !stop.signal.aborted) return service.child.release();
  await stay(cli, service, { signal: stop.signal, quiet: options.json === true });
}

async function start(
  cli: Cli,
  { plan, steps, signal }: { plan: DemoPlan | undefined; steps: Steps; signal: AbortSignal },
): Promise<Started> {
  const env = {
    ...cli.terminal.env,
    CLAWCAGE_HOME: cli.place.home,
    ...(plan && { CLAWCAGE_GATE_ALLOW_HOSTS: allowHosts(cli.terminal.env, plan) }),
  };
  steps.title('Starting ClawCage');
  steps.begin('starting the service');
  const service = await startService(cli, {
    env,
    signal,
    onStep: (name, ms) => steps.done(name, ms),
  });
  steps.close();
  return service;
}

/** The service stays up where the demo fails; the exit code and the message tell of it. */
async function demoOrReason(
  cli: Cli,
  plan: DemoPlan,
  how: { steps: Steps; signal: AbortSignal },
): Promise<void> {
  try {
    await showDemo(cli, plan, how);
  } catch (error) {
    how.steps.close();
    if (how.signal.aborted) return;
    if (!(error instanceof Failure)) throw error;
    const { stderr, env } = cli.terminal;
    stderr.write(
      `${errorLine(error, coloursFor(stderr, env))}\nThe demo did not work; the service runs all the same.\n`,
    );
    cli.exitCode = EXIT.taskFailed;
  }
}

function sayAddress(cli: Cli): void {
  const colours = coloursFor(cli.terminal.stdout, cli.terminal.env);
  const token = adminToken(cli.place);
  const { url } = clientOf(cli);
  say(cli, `Status page: ${colours.bold(token === undefined ? url : `${url}/#token=${token}`)}`);
}

/** Until Ctrl-C ends the service in order, or the service ends by itself. */
async function stay(
  cli: Cli,
  { child, pid }: Started,
  { signal, quiet }: { signal: AbortSignal; quiet: boolean },
): Promise<void> {
  if (!quiet) say(cli, '\nCtrl-C ends the service. Its log: ' + logOf(cli.place));
  const interrupted = new Promise<'stop'>((resolve) => {
    if (signal.aborted) resolve('stop');
    signal.addEventListener('abort', () => resolve('stop'), { once: true });
  });
  const first = await Promise.race([child.ended, interrupted]);
  if (first === 'stop') {
    if (!quiet) say(cli, '\nStopping. Cages that still run go on; the next start takes them over.');
    if (!(await endProcess(pid, cli.programs.service, END_MS))) {
      cli.terminal.stderr.write(`The service (pid ${pid}) has not ended yet: see ${logOf(cli.place)}\n`);
    }
  }
  removePidFile(pidFileOf(cli.place), pid);
  await endSimulator(cli);
  if (first === 'stop' || first.code === 0) return;
  cli.terminal.stderr.write(
    `The service ended unexpectedly (${first.signal ?? `exit ${first.code}`}): see ${logOf(cli.place)}\n`,
  );
  cli.exitCode = EXIT.taskFailed;
}
