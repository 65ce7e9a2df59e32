import type { Command } from 'commander';
import { stringify } from 'yaml';
import { clawView, type ClawView } from '#protocol/api.ts';
import { formOf, withoutDefaults } from '#claw/document-settings.ts';
import { pathOfClaw, settingsOfView } from '../apply/plan.ts';
import { clientOf, say, writeJson, type Cli } from '../cli.ts';
import { Spinner } from '../terminal/spinner.ts';
import { writeTable } from '../terminal/table.ts';
import { ago, capsOf } from '../terminal/words.ts';
import { addApplyCommands } from './claws/apply.ts';
import { addCreateCommands } from './claws/create.ts';
import { addExportCommands } from './claws/export.ts';

export function addClawsCommands(program: Command, cli: Cli): void {
  const claws = program.command('claws').description('agents: name, model, key, instructions and caps');

  addCreateCommands(claws, cli);
  addApplyCommands(claws, cli);
  addExportCommands(claws, cli);

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

async function list(cli: Cli, json: boolean): Promise<void> {
  const items = await clientOf(cli).all('/api/v1/claws', clawView);
  if (json) return writeJson(cli, { items, nextCursor: null });
  writeTable(cli.terminal, {
    headings: ['NAME', 'STATE', 'MODEL', 'KEY', 'CAPS'],
    rows: items.map((claw) => [claw.name, claw.state, claw.model, claw.key, capsOf(claw)]),
    empty: 'No Claws yet: clawcage claws create NAME --model MODEL --key KEYNAME',
  });
}

async function get(cli: Cli, name: string, json: boolean): Promise<void> {
  const claw = await clientOf(cli).get(pathOfClaw(name), clawView);
  if (json) return writeJson(cli, claw);
  for (const line of describe(claw)) say(cli, line);
}

async function change(cli: Cli, name: string, verb: 'deploy' | 'stop', json: boolean): Promise<void> {
  const spinner = new Spinner(cli.terminal);
  spinner.show(verb === 'deploy' ? `checking and deploying ${name}` : `stopping ${name}`);
  try {
    const claw = await clientOf(cli).post(`${pathOfClaw(name)}/${verb}`, clawView);
    spinner.clear();
    if (json) return writeJson(cli, claw);
    say(cli, `Claw ${claw.name} ${claw.state}.`);
  } finally {
    spinner.clear();
  }
}

async function remove(cli: Cli, name: string, json: boolean): Promise<void> {
  await clientOf(cli).delete(pathOfClaw(name));
  if (json) return writeJson(cli, { deleted: name });
  say(cli, `Claw ${name} deleted.`);
}

function describe(claw: ClawView): string[] {
  const {
    name: _name,
    model,
    key,
    instructions: _instructions,
    ...settings
  } = withoutDefaults(formOf(claw.name, settingsOfView(claw)));
  const rows: [string, string][] = [
    ['name', claw.name],
    ['state', claw.state],
    ['model', model],
    ['key', key],
    ['caps', capsOf(claw)],
    ['steps', `${claw.maxSteps} at most`],
    ['at once', `${claw.concurrency} tasks`],
    ['time', `${claw.timeoutMs / 1000} s a task`],
    ['made', ago(claw.createdAt)],
    ['instructions', claw.instructions === '' ? '(none)' : claw.instructions],
  ];
  const shown = ['requestsPerMinute', 'tokensPerMinute', 'maxSteps', 'concurrency', 'timeout'];
  const others = Object.entries(settings).filter(([field]) => !shown.includes(field));
  return [
    ...rows.map(([label, value]) => `${label.padEnd(13)} ${value}`),
    ...(others.length === 0
      ? []
      : stringify(Object.fromEntries(others), { lineWidth: 0 }).trimEnd().split('\n')),
  ];
}
