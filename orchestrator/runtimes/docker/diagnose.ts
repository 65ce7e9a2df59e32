import type { CageCondition } from '#runtime/runtime.ts';
import type { Engine } from './engine.ts';
import { engineStatus } from './errors.ts';
import { findCage } from './find.ts';

/** Of ps(1), on the engine's host: the state, and where in the kernel each process waits. */
const COLUMNS = ['pid', 'ppid', 'stat', 'etimes', 'wchan:32'];

export interface ProcessSeen {
  readonly pid: number;
  readonly parent: number;
  /** As ps(1) has it: the first letter counts. */
  readonly state: string;
  readonly ageSeconds: number;
  readonly waitsIn: string;
}

interface Top {
  readonly Processes: readonly (readonly string[])[] | null;
}

/** See `Runtime.diagnose`. An engine whose host has another ps(1) tells less: what cannot be seen counts as running. */
export async function diagnoseCage(
  engine: Engine,
  install: string,
  cageId: string,
  signal?: AbortSignal,
): Promise<CageCondition> {
  const found = await findCage(engine, install, cageId, signal);
  if (!found?.own) return 'gone';
  const { Paused, Running, Pid } = found.inspection.State;
  if (Paused) return 'paused';
  return Running ? conditionOf(await processesOf(engine, found.inspection.Id, signal), Pid) : 'gone';
}

function processesOf(engine: Engine, id: string, signal?: AbortSignal): Promise<ProcessSeen[]> {
  return engine.ask('top', signal, async (docker, abortSignal) => {
    try {
      const options = { ps_args: `-eo ${COLUMNS.join(',')}`, abortSignal } as object;
      return fromTop((await docker.getContainer(id).top(options)) as Top);
    } catch (error) {
      // It has ended meanwhile, or there is no such ps(1).
      if ([404, 409, 500].includes(engineStatus(error) ?? 0)) return [];
      throw error;
    }
  });
}

function fromTop({ Processes }: Top): ProcessSeen[] {
  return (Processes ?? []).map(([pid, parent, state = '', age, ...rest]) => ({
    pid: Number(pid),
    parent: Number(parent),
    state,
    ageSeconds: Number(age),
    waitsIn: rest.join(' '),
  }));
}

/** Where the kernel waits for a disk or for memory: a machine that swaps may have all of a cage there. */
const DISK_WAIT =
  /^(io_schedule|folio_|wait_on_page|__lock_page|bit_wait_io|blk_|rq_qos|swap_|do_swap|mem_cgroup_|balance_dirty|rpc_|nfs)/;

/** Who is frozen shows either the freezer or, with `D`, where it waited before. */
const isFrozen = ({ state, waitsIn }: ProcessSeen): boolean =>
  /refrigerator|freezer/.test(waitsIn) || (state.startsWith('D') && !DISK_WAIT.test(waitsIn));

/**
 * `init` is the container's first process; the warden is the oldest of its children (younger ones are what the agent left behind). The freezer of cgroup v1 shows its
 * processes as `D`, that of v2 as sleeping in `do_freezer_trap`.
 */
export function conditionOf(seen: readonly ProcessSeen[], init: number): CageCondition {
  const [warden] = seen
    .filter(({ parent }) => parent === init)
    .toSorted((a, b) => b.ageSeconds - a.ageSeconds || a.pid - b.pid);
  const ours = seen.filter((process) => process.pid === init || process === warden);
  if (ours.some(({ state }) => state.startsWith('T'))) return 'stopped';
  return ours.length > 0 && seen.every(isFrozen) ? 'frozen' : 'running';
}
