/** How many cages may be started at once, and what a start usually takes. */
export interface IntakeState {
  readonly limit: number;
  /** A slow mean, in which a slow start counts as one that was just slow: where all are, that becomes usual. */
  readonly usualMs: number;
  /** Starts in a row that were not slow, since the limit last changed. */
  readonly good: number;
}

export interface ObservedStart {
  /** From the order to create until the engine says that it runs; of one that still goes on, until now. */
  readonly ms: number;
  /** The limit when it began. */
  readonly limitThen: number;
}

export const MOST_AT_ONCE = 4;
/** A start that takes less is not slow, however fast they usually are. */
const SLOW_LEAST_MS = 3000;
const SLOW_FACTOR = 4;
const MEAN_WEIGHT = 0.1;

export const FIRST_INTAKE: IntakeState = { limit: MOST_AT_ONCE, usualMs: 700, good: 0 };

/** From when on a start counts as slow. */
export function slowFromMs({ usualMs }: IntakeState): number {
  return Math.max(SLOW_LEAST_MS, SLOW_FACTOR * usualMs);
}

/**
 * Additive increase, multiplicative decrease (Chiu and Jain, 1989): a slow start halves the limit, as many good ones in a row as the limit says raise it by one. Slow starts that began
 * before the last cut say nothing new: they were in one crowd.
 */
export function afterStart(state: IntakeState, { ms, limitThen }: ObservedStart): IntakeState {
  const slowMs = slowFromMs(state);
  const usualMs = state.usualMs + MEAN_WEIGHT * (Math.min(ms, slowMs) - state.usualMs);
  if (ms >= slowMs) {
    if (limitThen > state.limit) return state;
    return { limit: Math.max(1, Math.floor(state.limit / 2)), usualMs, good: 0 };
  }
  const good = state.good + 1;
  if (good < state.limit || state.limit === MOST_AT_ONCE) return { ...state, usualMs, good };
  return { limit: state.limit + 1, usualMs, good: 0 };
}
