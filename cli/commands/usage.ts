import { Option, type Command } from 'commander';
import { usageReply, usageReportQuery } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { pointInTime } from '../terminal/point-in-time.ts';
import { ago, capUse, count } from '../terminal/words.ts';
import { readReport, showReport } from '../usage/report.ts';
import type { Period } from '../usage/rows.ts';

interface Options {
  readonly since: string;
  readonly until?: string;
  readonly by?: Period;
  readonly group?: string;
  readonly timeZone?: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  clawcage usage writer                        the Claw's use of 24 hours, and its caps
  clawcage usage writer --by hour --since 7d   a bar for each hour
  clawcage usage                               a bar for each Claw
  clawcage usage --by day --since 30d --group model --json
`;

export function addUsageCommand(program: Command, cli: Cli): void {
  const { by, group } = usageReportQuery.shape;
  program
    .command('usage')
    .summary('tokens and requests, with small charts')
    .argument('[name]', 'the Claw; all without one')
    .description('tokens and requests, in all or by period, and the state of the caps of a Claw')
    .option('--since <time>', 'from when: how far back (30m, 24h, 7d), or a time', sinceWhen, '24h')
    .option('--until <time>', 'to when: a time; now where it is left out', pointInTime)
    .addOption(new Option('--by <period>', 'a line for each').choices(by.unwrap().options))
    .addOption(new Option('--group <what>', 'apart by this').choices(group.unwrap().options))
    .option(
      '--time-zone <name>',
      "where days and hours begin, such as Europe/Berlin; this machine's where it is left out",
    )
    .option('--json', 'print as JSON')
    .addHelpText('after', EXAMPLES)
    .action((name: string | undefined, options: Options) => usage(cli, name, options));
}

/** `24h` as it is; a time as ISO 8601. */
function sinceWhen(text: string): string {
  return /^\d{1,6}[smhd]$/.test(text) ? text : pointInTime(text);
}

async function usage(cli: Cli, name: string | undefined, options: Options): Promise<void> {
  const { since, until, by, group, timeZone, json = false } = options;
  const plain = until === undefined && by === undefined && group === undefined && timeZone === undefined;
  if (name !== undefined && plain && /^\d/.test(since) && !since.includes('-'))
    return ofClaw(cli, name, since, json);
  const query = {
    ...(name !== undefined && { claw: name }),
    by: by ?? (group === undefined && name !== undefined ? 'hour' : 'all'),
    group: group ?? (name === undefined && by === undefined ? 'claw' : 'none'),
    since,
    ...(until !== undefined && { until }),
    timeZone: timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone ?? 'UTC',
  } as const;
  showReport(cli, await readReport(clientOf(cli), query), { query, json });
}

async function ofClaw(cli: Cli, name: string, since: string, json: boolean): Promise<void> {
  const path = `/api/v1/claws/${encodeURIComponent(name)}/usage?since=${encodeURIComponent(since)}`;
  const reply = await clientOf(cli).get(path, usageReply);
  if (json) return writeJson(cli, reply);
  const { usage: used, caps } = reply;
  say(cli, `${reply.claw}, since ${ago(reply.since)}:`);
  say(cli, `  requests  ${count(used.requests)}`);
  say(cli, `  input     ${count(used.inputTokens)} tokens, ${count(used.cachedTokens)} of them cached`);
  say(
    cli,
    `  output    ${count(used.outputTokens)} tokens, ${count(used.reasoningTokens)} of them reasoning`,
  );
  say(cli, `  in all    ${count(used.totalTokens)} tokens`);
  say(cli, `caps, this minute: tokens ${capUse(caps.tokens)} · requests ${capUse(caps.requests)}`);
}
