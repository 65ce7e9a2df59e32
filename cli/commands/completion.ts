import { Argument, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { namesOf } from '../completion/names.ts';
import { SCRIPTS, SHELLS, type Shell } from '../completion/scripts.ts';
import { complete } from '../completion/tree.ts';

const EXAMPLES = `
Examples:
  bash   source <(clawcage completion bash)
  zsh    clawcage completion zsh > "\${fpath[1]}/_clawcage"
  fish   clawcage completion fish > ~/.config/fish/completions/clawcage.fish
`;

export function addCompletionCommands(program: Command, cli: Cli): void {
  program
    .command('completion')
    .summary('completion for bash, zsh and fish')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .description('print a script that completes commands, options and the names of Claws, keys and tasks')
    .option('--json', 'print {"shell","script"}')
    .addHelpText('after', EXAMPLES)
    .action((shell: Shell, { json }: { json?: boolean }) => {
      const script = SCRIPTS[shell];
      cli.terminal.stdout.write(json ? `${JSON.stringify({ shell, script })}\n` : script);
    });

  // For those scripts: a candidate on each line, its description behind a tab.
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .description('print what may stand in place of the last word')
    .action((words: readonly string[]) => candidates(program, cli, words));
}

async function candidates(program: Command, cli: Cli, words: readonly string[]): Promise<void> {
  const found = complete(program, words);
  if (found.kind === 'files') return void cli.terminal.stdout.write(':files\n');
  const typed = words.at(-1) ?? '';
  const list =
    found.kind === 'words'
      ? found.candidates
      : [...(found.also ?? []), ...(await namesOf(cli, found.of, typed))];
  for (const { word, about } of list)
    if (word.startsWith(typed)) cli.terminal.stdout.write(`${word}\t${about.replace(/[\p{Cc}]+/gu, ' ')}\n`);
}
