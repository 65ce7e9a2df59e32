import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';

export type CageProcess = 'warden' | 'meter' | 'agent';

/** By what each is known in the list of the container's processes. */
const MARK: Record<CageProcess, RegExp> = {
  warden: /warden\.mjs/,
  meter: /meter\.mjs/,
  agent: /agent\.mjs/,
};
const PS = '-eo pid,args';

/** Sends a signal to a process of a cage, as the user that all of them are; false where it has none of that kind (any more). */
export async function strikeCage(
  docker: Docker,
  container: string,
  which: CageProcess,
  signal: 'KILL' | 'STOP',
): Promise<boolean> {
  const { Processes: processes } = (await docker.getContainer(container).top({ ps_args: PS })) as {
    Processes: [string, string][];
  };
  // tini and env name the warden as well: the process itself is the last that does.
  const found = processes.findLast(([, args]) => MARK[which].test(args));
  if (!found) return false;
  const inside = pidInside(Number(found[0]));
  if (inside === undefined) return false;
  const exec = await docker
    .getContainer(container)
    .exec({ Cmd: ['/bin/sh', '-c', `kill -${signal} ${inside}`], User: '10001' });
  // The container may go with it before the engine has its answer.
  await exec.start({ Detach: true }).catch(() => undefined);
  return true;
}

/** The number that a process has in its own container. */
function pidInside(pid: number): number | undefined {
  try {
    const [, numbers] = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(numbers?.trim().split(/\s+/).at(-1)) || undefined;
  } catch {
    return undefined;
  }
}
