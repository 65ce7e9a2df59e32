import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** By the file that lists them (proc(5)), the option of ipcrm(1) that removes one. */
const KINDS = { shm: '-m', sem: '-s', msg: '-q' } as const;

const ids = (kind: keyof typeof KINDS): string[] =>
  readFileSync(`/proc/sysvipc/${kind}`, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/)[1] ?? '');

/** Removes shared memory, semaphores and message queues of System V, which outlive the processes that made them. Throws where some are left. */
export async function removeSystemV(searchPath: string): Promise<void> {
  for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
    const found = ids(kind);
    if (found.length === 0) continue;
    const options = found.flatMap((id) => [KINDS[kind], id]);
    await run('ipcrm', options, { env: { PATH: searchPath }, timeout: 5_000 });
    if (ids(kind).length > 0) throw new Error(`System V ${kind} is left.`);
  }
}
