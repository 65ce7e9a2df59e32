import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus, totalmem } from 'node:os';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { ratioOf, short, type Row } from './report.ts';
import { writeResults } from './results-file.ts';

/** Runs every measurement and writes them into bench/RESULTS.md. `node bench/main.ts [NAME…]` runs some of them and prints only. */
const ALL = ['cage-start', 'throughput', 'calls', 'stream', 'memory', 'limiter', 'link', 'permit'] as const;
const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : ALL;

const LAST_LINES = 20;

const sections: string[] = [];
for (const name of names) {
  process.stderr.write(`${name} … `);
  const began = performance.now();
  const rows = await measure(name);
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stderr.write(
    rows ? `${seconds} s\n` : `failed after ${seconds} s: the results stay as they were\n`,
  );
  if (rows) sections.push(`## ${name}\n\n${table(rows)}`);
  else process.exitCode = 1;
}
const results = `# Results

Made by \`make bench\` on ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}. Every ratio is
against a peer that was measured in turns with ours in the same run; medians. With ms, MiB and us less is better, with /s more.

${sections.join('\n\n')}
`;
if (asked.length === 0 && sections.length === ALL.length) writeResults({ bench: results });
console.log(results);

/** Undefined where it failed; the others go on. */
async function measure(name: string): Promise<Row[] | undefined> {
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [file, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await once(child, 'close')) as [number | null];
  const [out, errors] = await said;
  if (code !== 0) {
    process.stderr.write(`\n${errors.trimEnd().split('\n').slice(-LAST_LINES).join('\n')}\n`);
    return undefined;
  }
  return out
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
