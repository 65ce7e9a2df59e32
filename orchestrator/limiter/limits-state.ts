import type { LevelState } from './permit-request.ts';

/** What a level counts at this moment, and who waits there. */
export interface LevelStanding extends LevelState {
  /** How long the provider's word keeps this key closed; null where it is open. */
  readonly closedForMs: number | null;
  /** Claws whose next call waits for its turn or for room at this level; of the Claw's own level, 0 or 1. */
  readonly clawsWaiting: number;
}

/**
 * Where a Claw stands among its limits, as `Limiter.standing(organisation, claw, standing)` tells it: `standing` is what is
 * in force for its calls (readStanding), one entry of `levels` for each of its levels and in their order.
 */
export interface LimitsState {
  readonly levels: readonly LevelStanding[];
  /** Calls of the Claw that were granted and are not over yet. */
  readonly inFlight: number;
  /** Calls that stand in the Claw's line. */
  readonly waiting: number;
  /** `<level> <limit>`: why the first of them waits, or a call of one request and one token would that came now. */
  readonly waitsFor: string | null;
  /** When there is room for a call of one request and one token at the latest; 0: now; null: not known, or never. */
  readonly freeInMs: number | null;
}
