import type { Command } from 'commander';
import { readyReply, statusReply, type ReadyReply, type StatusReply } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { Failure } from '../failure.ts';
import { readPidFile } from '../service/pid-file.ts';
import { adminToken, pidFileOf } from '../service/place.ts';
import { runs } from '../service/process.ts';
import { writeTable } from '../terminal/table.ts';
import { coloursFor } from '../terminal/terminal.ts';
import { capUse, count } from '../terminal/words.ts';

export function addStatusCommand(program: Command, cli: Cli): void {
  program
    .command('status')
    .summary('whether the service is ready')
    .description('whether the service is ready, and which part is not; exits with 4 where it does not answer')
    .option('--json', 'print {"ready","url","pid","parts"}')
    .addHelpText('after', '\nExample:\n  clawcage status --json\n')
    .action((options: { json?: boolean }) => status(cli, options.json === true));
}

async function status(cli: Cli, json: boolean): Promise<void> {
  const client = clientOf(cli);
  const { ready, parts } = await readiness(cli, json);
  if (json) return writeJson(cli, { ready, url: client.url, pid: pidOf(cli), parts });
  say(cli, `${ready ? 'Ready' : 'Not ready'} at ${client.url}`);
  showParts(cli, parts);
  if (adminToken(cli.place) === undefined) return;
  showClaws(cli, await client.get('/api/v1/status', statusReply));
}

/** /readyz, which needs no token and answers with 503 where a part is not ready. */
async function readiness(cli: Cli, json: boolean): Promise<ReadyReply> {
  const client = clientOf(cli);
  try {
    return await client.get('/readyz', readyReply, { alsoStatus: 503, timeoutMs: 15_000 });
  } catch (error) {
    if (json && error instanceof Failure)
      writeJson(cli, { ready: false, url: client.url, pid: null, parts: {} });
    throw error;
  }
}

function pidOf(cli: Cli): number | null {
  const left = readPidFile(pidFileOf(cli.place));
  return left && runs(left.pid, cli.programs.service) ? left.pid : null;
}

function showParts(cli: Cli, parts: ReadyReply['parts']): void {
  const colours = coloursFor(cli.terminal.stdout, cli.terminal.env);
  for (const [name, part] of Object.entries(parts)) {
    const mark = part.ok ? colours.green('✓') : colours.red('✗');
    say(cli, `  ${mark} ${name}${part.reason === undefined ? '' : `: ${part.reason}`}`);
  }
}

function showClaws(cli: Cli, report: StatusReply): void {
  say(cli, '');
  writeTable(cli.terminal, {
    headings: ['CLAW', 'STATE', 'RUNNING', 'QUEUED', 'TOKENS/MIN', 'REQUESTS/MIN', 'TOKENS 24 H'],
    rows: report.claws.map(({ claw, running, queued, caps, usage24h }) => [
      claw.name,
      claw.state,
      String(running),
      String(queued),
      capUse(caps.tokens),
      capUse(caps.requests),
      count(usage24h.totalTokens),
    ]),
    empty: 'No Claws yet.',
  });
  say(cli, `${report.cages.length} ${report.cages.length === 1 ? 'cage' : 'cages'}`);
}
