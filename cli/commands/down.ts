import type { Command } from 'commander';
import { z } from 'zod';
import type { StatusReply } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { endSimulator } from '../demo/simulator.ts';
import { failure } from '../failure.ts';
import { readPidFile, removePidFile } from '../service/pid-file.ts';
import { logOf, pidFileOf } from '../service/place.ts';
import { endProcess, runs } from '../service/process.ts';
import { reportOf } from '../service/running.ts';
import { confirmed } from '../terminal/question.ts';

interface Options {
  readonly cages?: boolean;
  readonly json?: boolean;
}

const endedReply = z.object({ ended: z.int() });
/** The service ends within 10 s; a loaded machine gets a little more. */
const END_MS = 20_000;

export function addDownCommand(program: Command, cli: Cli): void {
  program
    .command('down')
    .summary('end the service')
    .description('end the service; cages that still run go on, and the next start takes them over')
    .option('--cages', 'end the cages too, without asking')
    .option('--json', 'print {"stopped","cages","ended"}')
    .addHelpText('after', '\nExamples:\n  clawcage down\n  clawcage down --cages\n')
    .action((options: Options) => down(cli, options));
}

async function down(cli: Cli, { cages: endCages = false, json = false }: Options): Promise<void> {
  const left = readPidFile(pidFileOf(cli.place));
  if (!left || !runs(left.pid, cli.programs.service)) {
    if (left) removePidFile(pidFileOf(cli.place), left.pid);
    await endSimulator(cli);
    return json
      ? writeJson(cli, { stopped: false, cages: [], ended: 0 })
      : say(cli, `The service is not running (home ${cli.place.home}).`);
  }
  const cages = (await reportOf(cli, 10_000))?.cages ?? [];
  if (!json) sayCages(cli, cages);
  const ended = await endCagesIfWanted(cli, cages, { without: endCages, ask: !json });
  if (!(await endProcess(left.pid, cli.programs.service, END_MS)))
    throw failure('stop_failed', { pid: left.pid, log: logOf(cli.place) });
  removePidFile(pidFileOf(cli.place), left.pid);
  await endSimulator(cli);
  if (json)
    return writeJson(cli, {
      stopped: true,
      cages: cages.map(({ cageId, claw, task }) => ({ cageId, claw, task })),
      ended,
    });
  if (ended > 0) say(cli, `${ended} ${ended === 1 ? 'cage' : 'cages'} ended.`);
  else if (cages.length > 0)
    say(
      cli,
      'They go on; the next clawcage up takes them over. Without one they end by themselves after a while.',
    );
  say(cli, 'The service has ended.');
}

function sayCages(cli: Cli, cages: StatusReply['cages']): void {
  if (cages.length === 0) return;
  say(cli, cages.length === 1 ? '1 cage still runs:' : `${cages.length} cages still run:`);
  for (const { cageId, claw, task } of cages) {
    say(cli, `  ${cageId}  ${claw ?? 'no Claw'}, ${task === null ? 'a warm spare' : `task ${task}`}`);
  }
}

async function endCagesIfWanted(
  cli: Cli,
  cages: StatusReply['cages'],
  how: { without: boolean; ask: boolean },
): Promise<number> {
  if (!how.without && (cages.length === 0 || !how.ask)) return 0;
  const wanted = how.without || (await confirmed(cli.terminal, 'End them? Their tasks are cancelled.'));
  if (!wanted) return 0;
  const { ended } = await clientOf(cli).post('/api/v1/cages/end', endedReply);
  return ended;
}
