import type { Command } from 'commander';
import { clawView, page, type ClawCreate, type ClawView } from '#protocol/api.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { wholeNumber } from '../terminal/duration.ts';
import { Spinner } from '../terminal/spinner.ts';
import { writeTable } from '../terminal/table.ts';
import { ago, capsOf } from '../terminal/words.ts';

interface CreateOptions {
  readonly model: string;
  readonly key: string;
  readonly instructions?: string;
  readonly rpm?: number;
  readonly tpm?: number;
  readonly deploy?: boolean;
  readonly json?: boolean;
}

export function addClawsCommands(program: Command, cli: Cli): void {
  const claws = program.command('claws').description('agents: name, model, key, instructions and caps');

  claws
    .command('create')
    .argument('<name>', 'what to call the Claw')
    .description('make a Claw')
    .requiredOption('--model <model>', "the provider's name of the model")
    .requiredOption('--key <name>', 'the key that it uses')
    .option('--instructions <text>', 'what it is for; sent to the model with every task')
    .option('--rpm <n>', 'requests per minute at most', wholeNumber)
    .option('--tpm <n>', 'tokens per minute at most, input and output', wholeNumber)
    .option('--deploy', 'deploy it at once')
    .option('--json', 'print the Claw as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  clawcage claws create writer --model gpt-4.1-mini --key work --instructions "You write short texts." --tpm 60000 --deploy\n',
    )
    .action((name: string, options: CreateOptions) => create(cli, name, options));

  claws
    .command('list')
    .description('list the Claws')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  clawcage claws list\n')
    .action((options: { json?: boolean }) => list(cli, options.json === true));

  const named = (
    verb: string,
    description: string,
    action: (name: string, json: boolean) => Promise<void>,
  ): void => {
    claws
      .command(verb)
      .argument('<name>', 'the Claw')
      .description(description)
      .option('--json', 'print as JSON')
      .addHelpText('after', `\nExample:\n  clawcage claws ${verb} writer\n`)
      .action((name: string, options: { json?: boolean }) => action(name, options.json === true));
  };
  named('get', 'show one Claw', (name, json) => get(cli, name, json));
  named('deploy', 'check image, key, model and gate, and make it ready for tasks', (name, json) =>
    change(cli, name, 'deploy', json),
  );
  named('stop', 'end its cages; its queue waits', (name, json) => change(cli, name, 'stop', json));
  named('delete', 'delete it', (name, json) => remove(cli, name, json));
}

const pathOf = (name: string): string => `/api/v1/claws/${encodeURIComponent(name)}`;

async function create(cli: Cli, name: string, options: CreateOptions): Promise<void> {
  const { model, key, instructions, rpm, tpm, deploy = false } = options;
  const body: ClawCreate = {
    name,
    model,
    key,
    deploy,
    ...(instructions !== undefined && { instructions }),
    ...(rpm !== undefined && { requestsPerMinute: rpm }),
    ...(tpm !== undefined && { tokensPerMinute: tpm }),
  };
  const claw = await clientOf(cli).post('/api/v1/claws', clawView, { body });
  if (options.json) return writeJson(cli, claw);
  say(
    cli,
    `Claw ${claw.name} made${claw.state === 'deployed' ? ' and deployed' : ''}. Try: clawcage run ${claw.name} "Hello"`,
  );
}

async function list(cli: Cli, json: boolean): Promise<void> {
  const reply = await clientOf(cli).get('/api/v1/claws', page(clawView));
  if (json) return writeJson(cli, reply);
  writeTable(cli.terminal, {
    headings: ['NAME', 'STATE', 'MODEL', 'KEY', 'CAPS'],
    rows: reply.items.map((claw) => [claw.name, claw.state, claw.model, claw.key, capsOf(claw)]),
    empty: 'No Claws yet: clawcage claws create NAME --model MODEL --key KEYNAME',
  });
}

async function get(cli: Cli, name: string, json: boolean): Promise<void> {
  const claw = await clientOf(cli).get(pathOf(name), clawView);
  if (json) return writeJson(cli, claw);
  for (const line of describe(claw)) say(cli, line);
}

async function change(cli: Cli, name: string, verb: 'deploy' | 'stop', json: boolean): Promise<void> {
  const spinner = new Spinner(cli.terminal);
  spinner.show(verb === 'deploy' ? `checking and deploying ${name}` : `stopping ${name}`);
  try {
    const claw = await clientOf(cli).post(`${pathOf(name)}/${verb}`, clawView);
    spinner.clear();
    if (json) return writeJson(cli, claw);
    say(cli, `Claw ${claw.name} ${claw.state}.`);
  } finally {
    spinner.clear();
  }
}

async function remove(cli: Cli, name: string, json: boolean): Promise<void> {
  await clientOf(cli).delete(pathOf(name));
  if (json) return writeJson(cli, { deleted: name });
  say(cli, `Claw ${name} deleted.`);
}

function describe(claw: ClawView): string[] {
  const rows: [string, string][] = [
    ['name', claw.name],
    ['state', claw.state],
    ['model', claw.model],
    ['key', claw.key],
    ['caps', capsOf(claw)],
    ['steps', `${claw.maxSteps} at most`],
    ['at once', `${claw.concurrency} tasks`],
    ['time', `${claw.timeoutMs / 1000} s a task`],
    ['made', ago(claw.createdAt)],
    ['instructions', claw.instructions === '' ? '(none)' : claw.instructions],
  ];
  return rows.map(([label, value]) => `${label.padEnd(13)} ${value}`);
}
