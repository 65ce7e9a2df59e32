import type { Command } from 'commander';
import { keyView, limitsReply, organisationLimits } from '#protocol/api.ts';
import { pathOfClaw } from '../apply/plan.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { failure } from '../failure.ts';
import { limitsLines } from '../limits/limits-lines.ts';
import { watchLimits } from '../limits/watch.ts';
import { writeTable } from '../terminal/table.ts';
import { count } from '../terminal/words.ts';
import { addLimitsExplainCommand } from './limits/explain.ts';
import { addLimitsSetCommand } from './limits/set.ts';

const EXAMPLES = `
Examples:
  clawcage limits                        caps of the organisation and of all keys
  clawcage limits writer                 what the Claw, its key and the organisation use in 60 s, and what waits
  clawcage limits writer --watch         the same, each second, until Ctrl-C
  clawcage limits show writer --json     for a Claw that is called "set" or "explain" too
`;

export function addLimitsCommands(program: Command, cli: Cli): void {
  const limits = program
    .command('limits')
    .summary('caps of requests and tokens, and what is left of them')
    .description('caps of requests and tokens of Claws, keys and the organisation, and what is left of them')
    .addHelpText('after', EXAMPLES);
  limits
    .command('show', { isDefault: true })
    .argument('[claw]', 'the Claw; the caps of keys and organisation without one')
    .description('bars of what counts in the 60 s around now, calls under way, what waits and for what')
    .option('--watch', 'go on, each second, until Ctrl-C')
    .option('--json', 'print as JSON; with --watch a line each second')
    .addHelpText('after', EXAMPLES)
    .action(
      (claw: string | undefined, { watch = false, json = false }: { watch?: boolean; json?: boolean }) => {
        if (claw !== undefined) return ofClaw(cli, claw, { watch, json });
        if (watch) throw failure('usage_invalid', { '--watch': 'name a Claw: clawcage limits CLAW --watch' });
        return ofAll(cli, json);
      },
    );
  addLimitsSetCommand(limits, cli);
  addLimitsExplainCommand(limits, cli);
}

async function ofClaw(
  cli: Cli,
  claw: string,
  { watch, json }: { watch: boolean; json: boolean },
): Promise<void> {
  const client = clientOf(cli);
  const path = `${pathOfClaw(claw)}/limits`;
  if (watch)
    return watchLimits(cli, (signal) => client.get(path, limitsReply, { signal, timeoutMs: 5000 }), { json });
  const reply = await client.get(path, limitsReply);
  if (json) return writeJson(cli, reply);
  for (const line of limitsLines(reply, cli.terminal)) say(cli, line);
}

async function ofAll(cli: Cli, json: boolean): Promise<void> {
  const client = clientOf(cli);
  const [organisation, all] = await Promise.all([
    client.get('/api/v1/limits', organisationLimits),
    client.all('/api/v1/keys?state=active', keyView),
  ]);
  const keys = all.map(({ name, requestsPerMinute, tokensPerMinute }) => ({
    name,
    requestsPerMinute,
    tokensPerMinute,
  }));
  if (json) return writeJson(cli, { organisation, keys });
  writeTable(cli.terminal, {
    headings: ['WHOSE', 'TOKENS/MIN', 'REQUESTS/MIN', 'CAGES'],
    rows: [
      ['organisation', ...cells(organisation), capOf(organisation.maxCages)],
      ...keys.map((key) => [`key ${key.name}`, ...cells(key), '']),
    ],
    empty: '',
  });
}

const capOf = (cap: number | null): string => (cap === null ? 'no cap' : cap === 0 ? 'closed' : count(cap));
const cells = (caps: { tokensPerMinute: number | null; requestsPerMinute: number | null }): string[] => [
  capOf(caps.tokensPerMinute),
  capOf(caps.requestsPerMinute),
];
