import type { ErrorBody } from '#errors/coded-error.ts';
import type { TaskState } from '#task/state.ts';

/** A task without what is sealed, which can be large and has methods of its own. */
export interface TaskRow {
  readonly id: string;
  readonly organisation: string;
  /** The Claw's id. */
  readonly claw: string;
  readonly state: TaskState;
  /** Why it is not moving, where it is not. */
  readonly waiting: string | null;
  /** Attempts that were begun; 0 for a task that never was. */
  readonly epoch: number;
  readonly error: ErrorBody | null;
  readonly cancelRequested: boolean;
  readonly timeoutMs: number;
  /** The highest goes first. */
  readonly priority: number;
  readonly notBefore: Date | null;
  readonly deadline: Date | null;
  readonly batch: string | null;
  /** The caller's name for it within its batch. */
  readonly ref: string | null;
  readonly webhook: string | null;
  /** Its agent had a model's answer, or called a tool. */
  readonly acted: boolean;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  /** Null where no result is kept. */
  readonly resultExpiresAt: Date | null;
}

export const TASK_COLUMNS = [
  'id',
  'organisationId as organisation',
  'clawId as claw',
  'state',
  'waiting',
  'epoch',
  'error',
  'cancelRequested',
  'timeoutMs',
  'priority',
  'notBefore',
  'deadline',
  'batchId as batch',
  'ref',
  'webhook',
  'acted',
  'createdAt',
  'startedAt',
  'endedAt',
  'resultExpiresAt',
] as const;
