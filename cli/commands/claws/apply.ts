import type { Command } from 'commander';
import { clawView, keyView } from '#protocol/api.ts';
import { pathOfClaw, plan, type Step } from '../../apply/plan.ts';
import { lineOf, showDifferences, stepJson } from '../../apply/show.ts';
import type { ClawInFile } from '../../claw-file/parse.ts';
import { invalidFiles, type Problem } from '../../claw-file/problem.ts';
import { readClaws } from '../../claw-file/read-claws.ts';
import { clientOf, say, writeJson, type Cli } from '../../cli.ts';
import type { Client } from '../../client.ts';
import { EXIT } from '../../exit-codes.ts';
import { Failure } from '../../failure.ts';
import { gather } from '../../terminal/options.ts';
import { Spinner } from '../../terminal/spinner.ts';

interface Options {
  readonly file: readonly string[];
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const FILES = 'a file, a folder of them, or - for standard input; may be given several times';

export function addApplyCommands(claws: Command, cli: Cli): void {
  claws
    .command('apply')
    .description(
      'make the Claws be as claw.yaml describes them: creates, changes what differs, deletes nothing',
    )
    .requiredOption('-f, --file <path>', FILES, gather)
    .option('--dry-run', 'only say what would happen')
    .option('--json', 'print {"dryRun","claws":[{"name","action","fields"}]}')
    .addHelpText(
      'after',
      '\nExamples:\n  clawcage claws apply -f claw.yaml\n  clawcage claws apply -f claws/ -f extra.yaml --dry-run\n  clawcage claws export | clawcage claws apply -f -\n\nThe form: docs/claw-yaml.md, and clawcage claws schema for editors.\n',
    )
    .action((options: Options) => apply(cli, options));

  claws
    .command('diff')
    .description('say what apply would change; exits with 1 where there is something')
    .requiredOption('-f, --file <path>', FILES, gather)
    .option('--json', 'print {"claws":[{"name","action","differences"}]}')
    .addHelpText('after', '\nExample:\n  clawcage claws diff -f claw.yaml\n')
    .action((options: Options) => diff(cli, options));
}

async function apply(cli: Cli, { file, dryRun = false, json = false }: Options): Promise<void> {
  const client = clientOf(cli);
  const claws = await readClaws(file, cli.terminal);
  await assertKeys(client, claws);
  const steps = await plan(client, claws);
  for (const step of steps) {
    if (!dryRun) await take(cli, client, step);
    if (!json) say(cli, lineOf(step, dryRun ? 'planned' : 'done'));
  }
  if (json) writeJson(cli, { dryRun, claws: steps.map(stepJson) });
}

async function diff(cli: Cli, { file, json = false }: Options): Promise<void> {
  const steps = await plan(clientOf(cli), await readClaws(file, cli.terminal));
  const differing = steps.filter(({ action }) => action !== 'keep');
  if (differing.length > 0) cli.exitCode = EXIT.taskFailed;
  if (json) {
    const all = steps.map((step) => ({ ...stepJson(step), differences: step.differences }));
    return writeJson(cli, { claws: all });
  }
  for (const step of differing) showDifferences(cli, step);
  if (differing.length === 0)
    say(cli, steps.length === 1 ? 'No difference.' : `No difference in ${steps.length} Claws.`);
}

/** Every key that is named must be there before the first Claw is changed. */
async function assertKeys(client: Client, claws: readonly ClawInFile[]): Promise<void> {
  const problems: Problem[] = [];
  const known = new Map<string, boolean>();
  for (const { settings, keyAt } of claws) {
    const { key } = settings;
    if (!known.has(key)) known.set(key, await isThere(client, key));
    if (!known.get(key))
      problems.push({
        at: keyAt,
        field: 'key',
        problem: `there is no key of that name: clawcage keys add ${key} --provider openai`,
      });
  }
  if (problems.length > 0) throw invalidFiles(problems);
}

async function isThere(client: Client, key: string): Promise<boolean> {
  try {
    await client.get(`/api/v1/keys/${encodeURIComponent(key)}`, keyView);
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === 'not_found') return false;
    throw error;
  }
}

async function take(cli: Cli, client: Client, step: Step): Promise<void> {
  const { claw, action, patch, deploy } = step;
  const path = pathOfClaw(claw.name);
  const spinner = new Spinner(cli.terminal);
  if (action !== 'keep') spinner.show(`${claw.name}${deploy === 'deploy' ? ': checking and deploying' : ''}`);
  try {
    if (action === 'create')
      await client.post('/api/v1/claws', clawView, { body: { name: claw.name, ...claw.settings } });
    if (action === 'change' && Object.keys(patch).length > 0)
      await client.patch(path, clawView, { body: patch });
    if (deploy) await client.post(`${path}/${deploy}`, clawView);
  } catch (error) {
    throw withPlace(error, claw);
  } finally {
    spinner.clear();
  }
}

/** The refusal of the service, with the place in the file that it is about. */
function withPlace(error: unknown, { at, name }: ClawInFile): unknown {
  if (!(error instanceof Failure)) return error;
  return error.with({ claw: name, at });
}
