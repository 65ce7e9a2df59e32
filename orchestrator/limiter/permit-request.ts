import type { Caps } from '#limits/caps.ts';

/** Whose caps a call counts against. */
export interface Level extends Caps {
  readonly level: 'claw' | 'key' | 'organisation';
  readonly id: string;
}

/** One provider call, by name. An attempt (`epoch`) gives each of its calls an id of its own. */
export interface CallRef {
  readonly organisation: string;
  readonly task: string;
  readonly epoch: number;
  readonly callId: string;
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
  /** Every level that counts the call, also those without a cap: what is counted now counts under a cap set later. */
  readonly levels: readonly Level[];
  /** How long the call may wait for its turn, from now. 0: it is granted at once or not at all. */
  readonly deadlineMs: number;
}

export interface Grant {
  readonly granted: true;
  /** Past it the meter drops the call and asks again; 0 where a repeated request finds its time over. */
  readonly sendWithinMs: number;
  readonly waitedMs: number;
}

/** What denies a call at this moment: a limit of a level, or calls that came before it. */
export interface Denial {
  readonly level: Level['level'];
  readonly limit: 'requests' | 'tokens' | 'queue';
  /** When there will be room at the latest; 0 where that hangs on the calls before it. */
  readonly retryAfterMs: number;
}
