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
  /** How long it was to wait for `notBefore` when it went back to the queue; null where a caller said when. */
  readonly retryWaitMs: number | null;
  readonly deadline: Date | null;
  readonly batch: string | null;
  /** The caller's name for it within its batch. */
  readonly ref: string | null;
  readonly webhook: string | null;
  /** Its agent had a model's answer, or called a tool. */
  readonly acted: boolean;
  /** The orchestrator that has the attempt; null while the task waits. */
  readonly holder: string | null;
  /** Of its epochs those that do not count as attempts: the machine failed before an agent had the task. */
  readonly spared: number;
  /** The `start` of the present attempt may be on its way to its agent. */
  readonly handedOver: boolean;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  /** Null where no result is kept. */
  readonly resultExpiresAt: Date | null;
}

/** A task as somebody saw it: what moves it does so only while attempt and holder are still those. */
export type SeenTask = Pick<TaskRow, 'organisation' | 'id' | 'epoch' | 'holder'>;

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
  'retryWaitMs',
  'deadline',
  'batchId as batch',
  'ref',
  'webhook',
  'acted',
  'holder',
  'spared',
  'handedOver',
  'createdAt',
  'startedAt',
  'endedAt',
  'resultExpiresAt',
] as const;
