import { CodedError } from '#errors/coded-error.ts';

/**
 * The states of a task and the ways between them:
 *
 *   queued ──▶ starting ──▶ running ──▶ succeeded | failed | cancelled | timed_out
 *     ▲  │         │            │
 *     │  └─────────┴────────────┴──▶ (any final state)
 *     └── a retry, with the next epoch ──┘
 *
 * Why a task is not moving is a reason beside the state (`waiting`), never a state.
 */
export const TASK_STATES = [
  'queued',
  'starting',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'timed_out',
] as const;
export type TaskState = (typeof TASK_STATES)[number];

export const FINAL_STATES = ['succeeded', 'failed', 'cancelled', 'timed_out'] as const;
export type FinalState = (typeof FINAL_STATES)[number];

const NEXT: Record<TaskState, readonly TaskState[]> = {
  queued: ['starting', 'failed', 'cancelled', 'timed_out'],
  starting: ['running', 'queued', 'succeeded', 'failed', 'cancelled', 'timed_out'],
  running: ['queued', 'succeeded', 'failed', 'cancelled', 'timed_out'],
  succeeded: [],
  failed: [],
  cancelled: [],
  timed_out: [],
};

export function isFinal(state: TaskState): state is FinalState {
  return NEXT[state].length === 0;
}

export function mayGo(from: TaskState, to: TaskState): boolean {
  return NEXT[from].includes(to);
}

/** The states from which `to` can be reached: what a compare-and-set in the store compares. */
export function statesBefore(to: TaskState): readonly TaskState[] {
  return TASK_STATES.filter((from) => mayGo(from, to));
}

/** Throws `task_final` or `task_transition`. */
export function assertTransition(from: TaskState, to: TaskState): void {
  if (mayGo(from, to)) return;
  throw new CodedError(isFinal(from) ? 'task_final' : 'task_transition', { from, to });
}
