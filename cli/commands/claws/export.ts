import type { Command } from 'commander';
import { stringify } from 'yaml';
import { clawView, type ClawView } from '#protocol/api.ts';
import { documentSchema } from '#claw/document-schema.ts';
import { formOf, withoutDefaults } from '#claw/document-settings.ts';
import type { ClawForm } from '#claw/document.ts';
import { pathOfClaw, settingsOfView } from '../../apply/plan.ts';
import { clientOf, writeJson, type Cli } from '../../cli.ts';

interface Options {
  readonly full?: boolean;
  readonly json?: boolean;
}

export function addExportCommands(claws: Command, cli: Cli): void {
  claws
    .command('export')
    .argument('[names...]', 'the Claws; all without one')
    .description('print Claws as claw.yaml, which applies back to no change; keys by name only')
    .option('--full', 'with the fields that are at their defaults')
    .option('--json', 'print {"claws":[…]} with the same fields')
    .addHelpText(
      'after',
      '\nExamples:\n  clawcage claws export > claws.yaml\n  clawcage claws export writer --full\n',
    )
    .action((names: readonly string[], options: Options) => exportClaws(cli, names, options));

  claws
    .command('schema')
    .description('print the JSON Schema of claw.yaml, for editors')
    .option('--json', 'the same: it is JSON already')
    .addHelpText(
      'after',
      '\nExample:\n  clawcage claws schema > claw.schema.json\n\nThen begin a claw.yaml with: # yaml-language-server: $schema=claw.schema.json\n',
    )
    .action(() => void cli.terminal.stdout.write(`${JSON.stringify(documentSchema(), null, 2)}\n`));
}

async function exportClaws(
  cli: Cli,
  names: readonly string[],
  { full = false, json = false }: Options,
): Promise<void> {
  const client = clientOf(cli);
  const views =
    names.length === 0
      ? (await client.all('/api/v1/claws', clawView)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
      : await Promise.all(names.map((name) => client.get(pathOfClaw(name), clawView)));
  const forms = views.map((view) => exported(view, full));
  if (json) return writeJson(cli, { claws: forms });
  cli.terminal.stdout.write(forms.map((form) => stringify(form, { lineWidth: 0 })).join('---\n'));
  if (forms.length === 0) cli.terminal.stderr.write('There are no Claws.\n');
}

function exported(view: ClawView, full: boolean): ClawForm {
  const form = formOf(view.name, settingsOfView(view));
  return { ...(full ? form : withoutDefaults(form)), ...(view.state === 'deployed' && { deploy: true }) };
}
