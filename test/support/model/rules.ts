import { isFinal, mayGo, type TaskState } from '#task/state.ts';

/** The name of a lease; null where nobody holds it. */
export type Holder = string | null;

export interface TaskCell {
  readonly state: TaskState;
  readonly epoch: number;
  readonly holder: Holder;
}

export interface CageCell {
  readonly state: 'creating' | 'assigned' | 'ending';
  readonly holder: Holder;
}

export type IsLive = (holder: string) => boolean;

/**
 * The conditions of every compare-and-set that moves a task or a cage, of the confirmation of a lease, and of what a warden obeys. The explorer takes its steps by
 * them; test/contract/store/moves.test.ts shows that the statements of the store have the same truth tables.
 */
export const RULES = {
  /** `TasksStore`: every write to an attempt names the epoch and the holder that its writer has seen. */
  isAsSeen: (row: TaskCell, seen: Pick<TaskCell, 'epoch' | 'holder'>): boolean =>
    !isFinal(row.state) && row.epoch === seen.epoch && row.holder === seen.holder,

  /** `TasksStore.adopt`. */
  mayAdopt: (row: TaskCell, by: string, isLive: IsLive): boolean =>
    !isFinal(row.state) && row.state !== 'queued' && (row.holder === by || isFree(row.holder, isLive)),

  /** `CagesStore.assign`. */
  mayAssign: (row: CageCell, by: string): boolean => row.state === 'creating' && row.holder === by,

  /** `CagesStore.end`. */
  mayEnd: (row: CageCell, by: string, isLive: IsLive): boolean =>
    row.holder === by || isFree(row.holder, isLive),

  /** `Lease.confirm`: before a container is made and before a key is sealed. */
  isConfirmed: (by: string, isLive: IsLive): boolean => isLive(by),

  /** `CageSession`: the newest epoch is obeyed, and no older one any more. */
  obeys: (newest: number, epoch: number): boolean => epoch >= newest,

  /** `Runs.fail`: the next attempt waits until the old container is surely gone. */
  waitsUntilGone: true,

  /** `Adoption`: a cage whose `start` may have been sent is not taken for one that never began. */
  assignedMayHaveBegun: true,

  /** `Reconciler`: a task that waits and has no job gets one. */
  dispatchesAgain: true,

  /** `Reconciler`: an attempt that nobody holds any more is taken over. */
  takesOver: true,
};
export type Rules = typeof RULES;

export const isFree = (holder: Holder, isLive: IsLive): boolean => holder === null || !isLive(holder);

/** A move of the transition table, by who has seen the row so. */
export const mayMove = (
  rules: Rules,
  row: TaskCell,
  seen: Pick<TaskCell, 'epoch' | 'holder'>,
  to: TaskState,
): boolean => rules.isAsSeen(row, seen) && mayGo(row.state, to);
