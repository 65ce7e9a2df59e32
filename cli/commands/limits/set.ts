import type { Command } from 'commander';
import { keyView, organisationLimits } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../../cli.ts';
import { failure } from '../../failure.ts';
import { cap, capGiven, type CapOption } from '../../terminal/cap-option.ts';
import { capsOf, count } from '../../terminal/words.ts';

interface SetOptions {
  readonly key?: string;
  readonly organisation?: boolean;
  readonly rpm?: CapOption;
  readonly tpm?: CapOption;
  readonly cages?: CapOption;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  clawcage limits set --key work --tpm 200000 --rpm 500
  clawcage limits set --key work --tpm none
  clawcage limits set --organisation --tpm 1000000 --cages 20

0 closes: nothing goes out. Those of a Claw are its own: clawcage claws update NAME --rpm N --tpm none
`;

export function addLimitsSetCommand(limits: Command, cli: Cli): void {
  limits
    .command('set')
    .description('set the caps of a key or of the organisation; in force for the next call within a second')
    .option('--key <name>', 'of this key: all Claws that use it, together')
    .option('--organisation', 'of the whole organisation')
    .option('--rpm <n>', 'requests in any 60 s at most, or none', cap())
    .option('--tpm <n>', 'tokens in any 60 s at most, input and output, or none', cap())
    .option('--cages <n>', 'cages at once at most, of the organisation, or none', cap(1))
    .option('--json', 'print the caps as they are now')
    .addHelpText('after', EXAMPLES)
    .action((options: SetOptions) => set(cli, options));
}

async function set(cli: Cli, options: SetOptions): Promise<void> {
  const { key, organisation = false, rpm, tpm, cages, json = false } = options;
  if ((key === undefined) !== organisation)
    throw failure('usage_invalid', { '--key': 'give either --key NAME or --organisation' });
  if (key !== undefined && cages !== undefined)
    throw failure('usage_invalid', { '--cages': 'cages are counted by organisation: use --organisation' });
  if (rpm === undefined && tpm === undefined && cages === undefined)
    throw failure('usage_invalid', { '--rpm': 'give at least one of --rpm, --tpm and --cages' });
  const body = {
    ...(rpm !== undefined && { requestsPerMinute: capGiven(rpm) }),
    ...(tpm !== undefined && { tokensPerMinute: capGiven(tpm) }),
    ...(cages !== undefined && { maxCages: capGiven(cages) }),
  };
  const client = clientOf(cli);
  if (key !== undefined) {
    const changed = await client.patch(`/api/v1/keys/${encodeURIComponent(key)}`, keyView, { body });
    return json ? writeJson(cli, changed) : say(cli, `Key ${changed.name}: caps ${capsOf(changed)}.`);
  }
  const changed = await client.patch('/api/v1/limits', organisationLimits, { body });
  if (json) return writeJson(cli, changed);
  const most = changed.maxCages === null ? '' : `, ${count(changed.maxCages)} cages at once`;
  say(cli, `Organisation: caps ${capsOf(changed)}${most}.`);
}
