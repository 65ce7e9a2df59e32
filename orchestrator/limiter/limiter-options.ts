import { ENTRY_MS, SEND_WITHIN_MS } from '#limits/window.ts';

export interface LimiterOptions {
  /** The installation: those that share a Redis stay apart by it. */
  readonly install?: string;
  readonly sendWithinMs?: number;
  /** How long a call counts after it was sent. */
  readonly entryMs?: number;
  /** How long nothing is permitted after a loss of Redis. Default: the longest life of an entry, 91 s. */
  readonly holdMs?: number;
  /** What `onRunId` said last of the books that this installation used, unless it was stopped in order since. */
  readonly lastRunId?: string;
  /** How often Redis is asked who it is and what its clock says. */
  readonly watchMs?: number;
  /** A waiting call keeps its place in its Claw's line so long without renewing it (its orchestrator died), and holds other Claws up for a third of that. */
  readonly leaseMs?: number;
  /** How often it does; twice as often where it holds others up. */
  readonly renewMs?: number;
  readonly commandMs?: number;
  /** How long a call that is never settled is remembered; and one that is. */
  readonly recordMs?: number;
  readonly settledMs?: number;
  /** For tests of borders: Lua that defines `clock()`. */
  readonly clock?: string;
  /** Whether the clock of Redis is not compared with ours. Default: where `clock` is given. */
  readonly believesClock?: boolean;
  readonly onError?: (error: Error) => void;
  /** Keeps what it is told outside of Redis, for `lastRunId` of the next start: which books are trusted, or that none are. Told again where it fails. */
  readonly onRunId?: (runId: string) => void | Promise<void>;
}

const HOUR_MS = 3_600_000;
export const DEFAULTS = {
  install: 'default',
  sendWithinMs: SEND_WITHIN_MS,
  entryMs: ENTRY_MS,
  leaseMs: 15_000,
  renewMs: 5_000,
  commandMs: 2_000,
  watchMs: 1_000,
  recordMs: 24 * HOUR_MS,
  settledMs: HOUR_MS,
} as const;

/** What is settled once the defaults are in. */
export type Settled = Required<
  Omit<LimiterOptions, 'lastRunId' | 'clock' | 'believesClock' | 'onError' | 'onRunId' | 'holdMs'>
>;
