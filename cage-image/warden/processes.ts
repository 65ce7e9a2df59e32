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

function isZombie(pid: number): boolean {
  try {
    return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}

const MAX_ROUNDS = 50;

/**
 * Kills every process of the cage but the spared ones: children of the agent may have left its group and session. Goes round until none is left, since they may
 * fork meanwhile; true when none is. Only for a warden that owns the PID namespace (see `inCage`).
 */
export function killAllBut(spared: ReadonlySet<number>): boolean {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const others = visibleProcesses().filter((pid) => !spared.has(pid));
    if (others.length === 0) return true;
    for (const pid of others) signal(pid, 'SIGKILL');
  }
  return false;
}
