import type { Command } from 'commander';
import { clawDefaults, clawView } from '#protocol/api.ts';
import { changedSettings, formOf } from '#claw/document-settings.ts';
import { pathOfClaw, settingsOfView } from '../../apply/plan.ts';
import { withOptions, type ClawOptions } from '../../claw-file/from-options.ts';
import { clientOf, say, writeJson, type Cli } from '../../cli.ts';
import { failure } from '../../failure.ts';
import { cap } from '../../terminal/cap-option.ts';
import { gather, integer } from '../../terminal/options.ts';
import { Spinner } from '../../terminal/spinner.ts';

interface CreateOptions extends ClawOptions {
  readonly deploy?: boolean;
  readonly json?: boolean;
}

export function addCreateCommands(claws: Command, cli: Cli): void {
  const create = claws
    .command('create')
    .argument('<name>', 'what to call the Claw')
    .description('make a Claw')
    .requiredOption('--model <model>', "the provider's name of the model")
    .requiredOption('--key <name>', 'the key that it uses');
  settingOptions(create)
    .option('--deploy', 'deploy it at once')
    .option('--json', 'print the Claw as JSON')
    .addHelpText(
      'after',
      `
Examples:
  clawcage claws create writer --model gpt-4.1-mini --key work --instructions "You write short texts." --tpm 60000 --deploy
  clawcage claws create fetcher --model gpt-4.1-mini --key work --egress pypi.org --egress files.pythonhosted.org
  clawcage claws create script --model gpt-4.1-mini --key work --command 'wc -w in/* > out/words.txt; echo done'
  clawcage claws create artist --model gpt-4.1-mini --key work --option 'models.images=[gpt-image-2]' --option retry.attempts=5

Every field for --option: docs/claw-yaml.md
`,
    )
    .action((name: string, options: CreateOptions) => createClaw(cli, name, options));

  const update = claws
    .command('update')
    .argument('<name>', 'the Claw')
    .description('change some settings of a Claw; its next task has them')
    .option('--model <model>', "the provider's name of the model")
    .option('--key <name>', 'the key that it uses');
  settingOptions(update)
    .option('--json', 'print the Claw as JSON')
    .addHelpText(
      'after',
      `
Examples:
  clawcage claws update writer --model gpt-4.1
  clawcage claws update writer --tpm 120000 --rpm none
  clawcage claws update writer --option agent.command=null --option timeout=30m --option weight=2
`,
    )
    .action((name: string, options: CreateOptions) => updateClaw(cli, name, options));
}

function settingOptions(command: Command): Command {
  return command
    .option('--instructions <text>', 'what it is for; sent to the model with every task')
    .option('--rpm <n>', 'requests in any 60 s at most, or none', cap())
    .option('--tpm <n>', 'tokens in any 60 s at most, input and output, or none', cap())
    .option('--command <line>', 'an agent of your own: a shell line that is run in the cage')
    .option('--image <image>', 'the container image that the agent runs in')
    .option('--concurrency <n>', 'tasks that may run at once', integer(1, 100))
    .option('--egress <host[:port]>', 'a host that it may reach; may be given several times', gather)
    .option(
      '--option <key=value>',
      'any field of claw.yaml, its value in YAML; may be given several times',
      gather,
    );
}

async function createClaw(cli: Cli, name: string, options: CreateOptions): Promise<void> {
  const { settings, deploy = options.deploy === true } = withOptions({ name }, options);
  const { model, key } = settings;
  const body = { name, model, key, deploy, ...changedSettings(clawDefaults.parse({ model, key }), settings) };
  const spinner = new Spinner(cli.terminal);
  spinner.show(deploy ? `making and deploying ${name}` : `making ${name}`);
  const claw = await clientOf(cli)
    .post('/api/v1/claws', clawView, { body })
    .finally(() => spinner.clear());
  if (options.json) return writeJson(cli, claw);
  say(
    cli,
    `Claw ${claw.name} made${claw.state === 'deployed' ? ' and deployed' : ''}. Try: clawcage run ${claw.name} "Hello"`,
  );
}

async function updateClaw(cli: Cli, name: string, { json, ...options }: CreateOptions): Promise<void> {
  if (Object.keys(options).length === 0)
    throw failure('usage_invalid', {
      reason: 'nothing to change was given, such as --model or --option KEY=VALUE',
    });
  const client = clientOf(cli);
  const present = await client.get(pathOfClaw(name), clawView);
  const before = settingsOfView(present);
  const { settings, deploy } = withOptions(formOf(name, before), options);
  if (deploy !== undefined)
    throw failure('usage_invalid', {
      '--option deploy': `use clawcage claws ${deploy ? 'deploy' : 'stop'} ${name}`,
    });
  const patch = changedSettings(before, settings);
  const fields = Object.keys(patch);
  const claw =
    fields.length === 0 ? present : await client.patch(pathOfClaw(name), clawView, { body: patch });
  if (json) return writeJson(cli, claw);
  say(
    cli,
    fields.length === 0
      ? `Claw ${name} unchanged: it is so already.`
      : `Claw ${name} changed (${fields.join(', ')}).`,
  );
}
