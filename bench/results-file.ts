import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FILE = fileURLToPath(new URL('RESULTS.md', import.meta.url));
const CAPS = '\n## caps\n';

/** RESULTS.md with the part of one of them made anew; what the other wrote last stays. */
export function writeResults(made: { bench: string } | { caps: readonly string[] }): void {
  const [bench = '', caps = ''] = readFileSync(FILE, 'utf8').split(CAPS);
  const parts = { bench, caps, ...('caps' in made ? { caps: asProof(made.caps) } : made) };
  writeFileSync(FILE, `${parts.bench.trimEnd()}\n${CAPS}\n${parts.caps.trim()}\n`);
}

const asProof = (lines: readonly string[]): string =>
  ['What `make bench-caps` said.', '', '```', ...lines, '```'].join('\n');
