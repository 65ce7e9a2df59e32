import type { Log } from '../log.ts';
import type { OrchestratorRow, OrchestratorsStore } from '../store/orchestrators-store.ts';
import { Lease } from './lease.ts';
import { machineName } from './machine.ts';
import { ProcessLocks } from './process-locks.ts';

interface Parts {
  readonly orchestrators: OrchestratorsStore;
  readonly home: string;
  readonly version: string;
  readonly leaseMs: number;
  /** The database is of one process at a time: every other row is of one that is gone. */
  readonly isAlone: boolean;
  readonly onLost: () => Promise<void>;
  /** Not called for those that were gone before this start: what they held is taken over by it anyway. */
  readonly onGone: () => void;
  readonly log: Log;
}

/** This process' lease, once those of before that are surely gone were declared so: processes of this machine whose lock is free are not waited for. */
export async function takeLease(parts: Parts): Promise<Lease> {
  const { orchestrators, home, version, leaseMs, isAlone, onLost, onGone, log } = parts;
  const locks = new ProcessLocks(home);
  const machine = machineName();
  let isStarting = true;
  const lease = await Lease.take({
    orchestrators,
    self: { machine, pid: process.pid, version },
    lock: (id) => locks.take(id),
    leaseMs,
    isSurelyGone: async (row: OrchestratorRow) =>
      isAlone || (row.machine === machine && locks.isGone(row.id)),
    onLost,
    onGone: (ids) => {
      for (const id of ids) locks.forget(id);
      if (!isStarting) onGone();
    },
    log,
  });
  await lease.watchOthers();
  isStarting = false;
  return lease;
}
