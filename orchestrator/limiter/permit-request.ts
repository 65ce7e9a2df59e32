import type { Caps } from '#limits/caps.ts';

/** Whose caps a call counts against, from the narrowest on. */
export const LEVELS = ['claw', 'key', 'organisation'] as const;
export type LevelName = (typeof LEVELS)[number];

export interface Level extends Caps {
  readonly level: LevelName;
  readonly id: string;
}

/** One provider call, by name. An attempt (`epoch`) gives each of its calls an id of its own. */
export interface CallRef {
  readonly organisation: string;
  readonly task: string;
  readonly epoch: number;
  readonly callId: string;
}

/** What is in force for a Claw's calls at a moment. */
export interface Standing {
  /** Every level that counts the call, in the order of LEVELS, also those without a cap: what is counted now counts under a cap set later. */
  readonly levels: readonly Level[];
  /** The Claw's share among those that meet it at a shared level. Default 1. */
  readonly weight?: number;
  /** The most calls of the Claw under way at once; left out: no limit. */
  readonly callsAtOnce?: number | undefined;
  /** No permit is given now, for a reason that is none of the books': `claw stopped`. */
  readonly paused?: string | undefined;
}

export interface PermitRequest extends CallRef {
  /** Of the attempt and its cage's controller: see fenceOf. */
  readonly fence: number;
  /** Calls of one Claw wait in one line. */
  readonly claw: string;
  /** Upper bound of what the call may take, input and output. */
  readonly tokens: number;
  /** Default 1. */
  readonly requests?: number;
  /** Asked each time that the call is looked at, so that a change takes effect for one that waits. */
  readonly standing: () => Promise<Standing>;
  /** How long the call may wait for its turn, from now. 0: it is granted at once or not at all. */
  readonly deadlineMs: number;
  /** For how long it may be under way at most, from its permit: one whose end nobody tells holds its place of `callsAtOnce` until then. Default: as long as its record. */
  readonly underWayMs?: number;
  /** Told while it waits, each time that the reason is another: see `waitingFor`. */
  readonly onWaiting?: (reason: string) => void;
}

/** What a level counts, this call with it where it was granted. */
export interface LevelState extends Level {
  readonly requests: number;
  readonly tokens: number;
  /** When the last of it has left, if nothing is added. */
  readonly emptyInMs: number;
}

export interface Grant {
  readonly granted: true;
  /** Past it the meter drops the call and asks again; 0 where a repeated request finds its time over. */
  readonly sendWithinMs: number;
  readonly waitedMs: number;
  /** By `performance.now()`, not later than the moment from which `sendWithinMs` runs. */
  readonly sinceMs: number;
  readonly levels: readonly LevelState[];
}

/**
 * What denies a call at this moment: a cap, too many calls under way (`calls`), calls of its own Claw that came before it (`queue`), another Claw whose turn it is at a shared
 * level (`turn`), or the provider, which said that the key has to wait (`provider`).
 */
export interface Denial {
  readonly level: LevelName;
  readonly limit: 'requests' | 'tokens' | 'calls' | 'queue' | 'turn' | 'provider';
  /** When there will be room at the latest; 0 where that hangs on the calls before it. */
  readonly retryAfterMs: number;
}
