import type { Argument, Command, Option } from 'commander';

/** What may follow a word of a command line. */
export interface Candidate {
  readonly word: string;
  readonly about: string;
}

/** The names that the service knows, completed live. */
export type Names = 'claws' | 'keys' | 'tasks' | 'batches';

export type Completion =
  | { readonly kind: 'words'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'names'; readonly of: Names; readonly also?: readonly Candidate[] }
  | { readonly kind: 'files' };

const FILES = /^<(file|folder|path)>/;
const nothing: Completion = { kind: 'words', candidates: [] };

/** What may stand in place of the last of `words`, which may be empty; read off the commands themselves. */
export function complete(program: Command, words: readonly string[]): Completion {
  const typed = words.at(-1) ?? '';
  let command = program;
  let position = 0;
  let waiting: Option | undefined;
  for (const word of words.slice(0, -1)) {
    if (waiting) waiting = undefined;
    else if (word.startsWith('-')) waiting = valued(optionOf(command, word), word);
    else {
      const below = command.commands.find((one) => one.name() === word);
      if (below) [command, position] = [below, 0];
      else position++;
    }
  }
  if (waiting) return valueOf(waiting);
  if (typed.startsWith('-'))
    return { kind: 'words', candidates: optionsOf(defaultOf(command) ?? command, typed) };
  if (command.commands.length > 0) return below(command, typed, position);
  const args = command.registeredArguments;
  return argumentOf(command, args[position] ?? (args.at(-1)?.variadic ? args.at(-1) : undefined));
}

/** A group's commands; where one of them stands for the group, what it takes as well. */
function below(group: Command, typed: string, position: number): Completion {
  const usual = defaultOf(group);
  const after = usual ? argumentOf(usual, usual.registeredArguments[position]) : nothing;
  const candidates = usual && position > 0 ? [] : subcommands(group, typed);
  return after.kind === 'names' ? { ...after, also: candidates } : { kind: 'words', candidates };
}

/** The command of a group that is meant where none is named. */
function defaultOf(group: Command): Command | undefined {
  const { _defaultCommandName: name } = group as unknown as { readonly _defaultCommandName?: string | null };
  return name == null ? undefined : group.commands.find((one) => one.name() === name);
}

function subcommands(command: Command, typed: string): Candidate[] {
  return command.commands
    .map((one) => ({ word: one.name(), about: one.description() }))
    .concat({ word: 'help', about: 'display help for command' })
    .filter(({ word }) => word.startsWith(typed));
}

function optionsOf(command: Command, typed: string): Candidate[] {
  return command.options
    .filter((option) => !option.hidden)
    .map((option) => ({ word: option.long ?? option.short ?? '', about: option.description }))
    .concat({ word: '--help', about: 'display help for command' })
    .filter(({ word }) => word.startsWith(typed));
}

function optionOf(command: Command, word: string): Option | undefined {
  return command.options.find((option) => option.long === word || option.short === word);
}

/** `--name=value` brings its value with it, and a flag takes none. */
function valued(option: Option | undefined, word: string): Option | undefined {
  return option && !word.includes('=') && (option.required || option.optional) ? option : undefined;
}

function valueOf(option: Option): Completion {
  if (option.argChoices)
    return { kind: 'words', candidates: option.argChoices.map((word) => ({ word, about: '' })) };
  if (option.long === '--claw') return { kind: 'names', of: 'claws' };
  if (option.long === '--key') return { kind: 'names', of: 'keys' };
  if (option.long === '--batch') return { kind: 'names', of: 'batches' };
  return FILES.test(option.flags.replace(/^.*?(?=<|$)/, '')) || option.long === '--ca'
    ? { kind: 'files' }
    : nothing;
}

/** By what the argument is said to be: a word of its description. */
function argumentOf(command: Command, argument: Argument | undefined): Completion {
  if (!argument || command.name() === 'create' || (command.name() === 'add' && argument.name() === 'name'))
    return nothing;
  const { description } = argument;
  if (argument.argChoices)
    return { kind: 'words', candidates: argument.argChoices.map((word) => ({ word, about: '' })) };
  if (description.startsWith('the Claw')) return { kind: 'names', of: 'claws' };
  if (description.startsWith('the key')) return { kind: 'names', of: 'keys' };
  if (description === 'the task') return { kind: 'names', of: 'tasks' };
  if (description === 'the batch') return { kind: 'names', of: 'batches' };
  return argument.name() === 'file' ? { kind: 'files' } : nothing;
}
