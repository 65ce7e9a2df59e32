export type CageState = 'creating' | 'warm' | 'assigned' | 'ending';

export interface CageRow {
  readonly id: string;
  readonly organisation: string;
  /** The Claw's id; null for the short cage that verifies a key. */
  readonly claw: string | null;
  readonly purpose: 'task' | 'verify';
  readonly state: CageState;
  /** For whose attempt it is. */
  readonly task: string | null;
  readonly taskEpoch: number | null;
  /** The envelope of the link's secret. */
  readonly linkSecretRecord: Buffer;
  /** The controller's: who took the newest is obeyed. */
  readonly epoch: number;
  /** The last message of the cage that was handled. */
  readonly lastSeq: number;
  /** The orchestrator that holds its link. */
  readonly holder: string | null;
  readonly createdAt: Date;
}

export const CAGE_COLUMNS = [
  'id',
  'organisationId as organisation',
  'clawId as claw',
  'purpose',
  'state',
  'taskId as task',
  'taskEpoch',
  'linkSecretRecord',
  'epoch',
  'lastSeq',
  'holder',
  'createdAt',
] as const;
