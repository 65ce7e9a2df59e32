import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Freezes the control group of the process `pid`, one of this machine, behind the back of the engine that made it. */
export function freeze(pid: number): void {
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(':'));
  const pathOf = (controller: string) => groups.find(([, name]) => name === controller)?.[2];
  const first = pathOf('freezer');
  if (first !== undefined) writeFileSync(join('/sys/fs/cgroup/freezer', first, 'freezer.state'), 'FROZEN');
  else writeFileSync(join('/sys/fs/cgroup', pathOf('') ?? '', 'cgroup.freeze'), '1');
}
