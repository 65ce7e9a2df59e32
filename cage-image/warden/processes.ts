import { readdirSync, readFileSync } from 'node:fs';

/** Signals a process or, with a negative id, a group; whoever is gone already is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** All processes that can be seen and are not zombies, threads left out. */
export function visibleProcesses(): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => !isZombie(pid));
}

/** The state of a process as proc(5) has it (`R`, `S`, `D`, `T`, …); undefined where it is gone. What stands in brackets is the process's own to choose. */
export function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2];
  } catch {
    return undefined;
  }
}

function isZombie(pid: number): boolean {
  return (stateOf(pid) ?? 'Z') === 'Z';
}

const KILL_WITHIN_MS = 5_000;
const PAUSE_MS = 2;

/**
 * Kills every process of the cage but the spared ones: children of the agent may have left its group and session. Goes round until none is left, since they may
 * fork meanwhile, and one with much memory takes a while to end; true when none is. Nothing else runs meanwhile, so that nothing new is taken for the agent's.
 * Only for a warden that owns the PID namespace (see `inCage`).
 */
export function killAllBut(spared: ReadonlySet<number>): boolean {
  const until = performance.now() + KILL_WITHIN_MS;
  const killed = new Set<number>();
  while (performance.now() < until) {
    const others = visibleProcesses().filter((pid) => !spared.has(pid));
    if (others.length === 0) return true;
    if (others.every((pid) => killed.has(pid))) pause(PAUSE_MS);
    for (const pid of others) signal(pid, 'SIGKILL');
    for (const pid of others) killed.add(pid);
  }
  return false;
}

/** Leaves the processor to the kernel, which is about to end them. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
