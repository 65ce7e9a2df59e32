import type { Command } from 'commander';
import { usageReply } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { span } from '../terminal/duration.ts';
import { ago, capUse, count } from '../terminal/words.ts';

interface Options {
  readonly since: string;
  readonly json?: boolean;
}

export function addUsageCommand(program: Command, cli: Cli): void {
  program
    .command('usage')
    .argument('<name>', 'the Claw')
    .description('tokens and requests of a Claw, and the state of its caps')
    .option('--since <time>', 'how far back: a number and s, m, h or d', span, '24h')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  clawcage usage writer --since 1h\n')
    .action((name: string, options: Options) => usage(cli, name, options));
}

async function usage(cli: Cli, name: string, { since, json }: Options): Promise<void> {
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
