import { createInterface } from 'node:readline';
import type { Terminal } from './terminal.ts';

/** Asks on a terminal, with no as the default; without one the answer is no. */
export async function confirmed({ stdin, stderr }: Terminal, question: string): Promise<boolean> {
  if (!stdin.isTTY || !stderr.isTTY) return false;
  stderr.write(`${question} [y/N] `);
  const lines = createInterface({ input: stdin });
  const answer = await new Promise<string>((resolve) => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(''));
  });
  lines.close();
  return /^y(es)?$/i.test(answer.trim());
}
