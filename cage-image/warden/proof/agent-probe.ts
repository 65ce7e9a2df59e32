import { spawn } from 'node:child_process';
import type { Check } from './check.ts';

/** Everything of a process that holds, or leads to, its memory, its environment or its descriptors. */
const FILES = [
  'environ',
  'mem',
  'maps',
  'smaps',
  'auxv',
  'pagemap',
  'stack',
  'syscall',
  'io',
  'personality',
  'fd/0',
  'fd/1',
  'fd/2',
  'fd/3',
];
const FOLDERS = ['fd', 'map_files', 'cwd', 'root'];

/**
 * Runs in a plain shell, a readable program like those that the agent runs: each path is opened, not only looked at. Prints one line for each that opens, and `done`. Nothing is
 * forked, so that all of it takes a millisecond or two.
 */
const SCRIPT = `
try_file() { if { true; } 2>/dev/null <"$1"; then echo "$1"; fi; }
try_folder() { if cd "$1" 2>/dev/null; then echo "$1"; cd /; fi; set -- "$1"/*; if [ -e "$1" ]; then echo "$1"; fi; }
for pid in $PIDS; do
  for file in $FILES; do try_file "/proc/$pid/$file"; try_file "/proc/$pid/task/$pid/$file"; done 2>/dev/null
  for folder in $FOLDERS; do try_folder "/proc/$pid/$folder"; done 2>/dev/null
done
echo done
`;

const PROBE_WITHIN_MS = 2_000;

/** One check for each process: does anything of it open to a child of the agent's kind? */
export async function probeAsAgent(
  pids: Readonly<Record<string, number>>,
  shell = '/bin/sh',
): Promise<Check[]> {
  const lines = await run(shell, {
    PIDS: Object.values(pids).join(' '),
    FILES: FILES.join(' '),
    FOLDERS: FOLDERS.join(' '),
  });
  return Object.entries(pids).map(([name, pid]) => verdict(`${name}_closed`, pid, lines));
}

function verdict(name: string, pid: number, lines: readonly string[]): Check {
  const opened = lines.filter((line) => line.startsWith(`/proc/${pid}/`));
  if (opened.length > 0)
    return { name, ok: false, reason: `opens to the agent: ${opened.slice(0, 4).join(', ')}` };
  if (lines.at(-1) !== 'done') return { name, ok: false, reason: 'the probe did not end' };
  return { name, ok: true };
}

function run(shell: string, environment: Record<string, string>): Promise<string[]> {
  return new Promise((resolve) => {
    const child = spawn(shell, ['-c', SCRIPT], {
      env: environment,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const late = setTimeout(() => child.kill('SIGKILL'), PROBE_WITHIN_MS);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    const end = (): void => {
      clearTimeout(late);
      resolve(output.trimEnd().split('\n'));
    };
    child.once('error', end);
    child.once('close', end);
  });
}
