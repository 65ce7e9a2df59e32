import { stringify } from 'yaml';
import type { Cli } from '../cli.ts';
import { say } from '../cli.ts';
import { coloursFor } from '../terminal/terminal.ts';
import type { Difference } from './differences.ts';
import type { Step } from './plan.ts';

const WORDS = {
  done: { create: 'created', change: 'changed', keep: 'unchanged' },
  planned: { create: 'would be created', change: 'would be changed', keep: 'unchanged' },
} as const;

/** `writer changed (model, retry.attempts)` */
export function lineOf({ claw, action, differences }: Step, tense: keyof typeof WORDS): string {
  const fields = action === 'change' ? ` (${differences.map(({ field }) => field).join(', ')})` : '';
  return `${claw.name} ${WORDS[tense][action]}${fields}`;
}

export function stepJson({ claw, action, differences }: Step): object {
  const done = { create: 'created', change: 'changed', keep: 'unchanged' }[action];
  return {
    name: claw.name,
    action: done,
    fields: action === 'change' ? differences.map(({ field }) => field) : [],
  };
}

/** What differs, as lines of - and +. */
export function showDifferences(cli: Cli, { claw, action, differences }: Step): void {
  const colours = coloursFor(cli.terminal.stdout, cli.terminal.env);
  say(cli, colours.bold(`${claw.name}${action === 'create' ? ' (new)' : ''}`));
  for (const difference of differences) {
    for (const line of valueLines(difference, 'from')) say(cli, colours.red(`  - ${line}`));
    for (const line of valueLines(difference, 'to')) say(cli, colours.green(`  + ${line}`));
  }
}

function valueLines({ field, ...values }: Difference, side: 'from' | 'to'): string[] {
  const value = values[side];
  if (value === undefined) return [];
  const text = stringify({ [field]: value }, { lineWidth: 0 }).trimEnd();
  return text.replace(/[^\P{Cc}\n]/gu, ' ').split('\n');
}
