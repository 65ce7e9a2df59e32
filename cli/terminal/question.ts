import { createInterface } from 'node:readline/promises';
import type { Terminal } from './terminal.ts';

/** Asks on a terminal, with no as the default; without one the answer is no. */
export async function confirmed(terminal: Terminal, question: string): Promise<boolean> {
  if (!terminal.stdin.isTTY || !terminal.stderr.isTTY) return false;
  const lines = createInterface({ input: terminal.stdin, output: terminal.stderr as NodeJS.WritableStream & typeof terminal.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
