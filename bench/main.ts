import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { ratioOf, short, type Row } from './report.ts';

/** Runs every measurement and writes bench/RESULTS.md. `node bench/main.ts [NAME…]` runs some of them and prints only. */
const ALL = ['cage-start', 'throughput', 'calls', 'stream', 'memory', 'limiter', 'link'] as const;
const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : ALL;

const sections: string[] = [];
for (const name of names) {
  process.stderr.write(`${name} … `);
  const began = performance.now();
  const rows = await measure(name);
  process.stderr.write(`${Math.round((performance.now() - began) / 1000)} s\n`);
  sections.push(`## ${name}\n\n${table(rows)}`);
}
const text = `# Results

Made by \`make bench\` on ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}. Every ratio is
against a peer that was measured in turns with ours in the same run; medians. With ms, MiB and us less is better, with /s more.

${sections.join('\n\n')}
`;
if (asked.length === 0) writeFileSync(fileURLToPath(new URL('RESULTS.md', import.meta.url)), text);
console.log(text);

async function measure(name: string): Promise<Row[]> {
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [file, '--json'], {
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{"what"'))
    .map((line) => JSON.parse(line) as Row);
}

function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const peer = row.peer ? `${row.peer.name}: ${short(row.peer.value)} ${row.unit}` : '';
    return `| ${row.what} | ${short(row.ours)} ${row.unit} | ${peer} | ${ratioOf(row)} | ${row.note ?? ''} |`;
  });
  return ['| what | ours | peer | ratio | |', '|---|---|---|---|---|', ...lines].join('\n');
}
