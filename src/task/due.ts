/** When a waiting task may begin. */
export interface Due {
  readonly notBefore: Date | null;
  /** Set where it waits for its next attempt: how long it was to wait when it went back to the queue. */
  readonly retryWaitMs: number | null;
}

export interface Clocks {
  /** What the machine's clock says: what a caller wrote is meant by it. */
  readonly wallMs: number;
  /** A clock that nobody can set: what this service measured itself is compared with it. */
  readonly steadyMs: number;
}

/**
 * Milliseconds until a waiting task may begin; 0 where it may now. A retry that would wait for longer than it was to was measured by a clock that has been set back since, maybe by
 * another process: it may begin at once.
 */
export function untilDueMs({ notBefore, retryWaitMs }: Due, { wallMs, steadyMs }: Clocks): number {
  if (notBefore === null) return 0;
  const leftMs = notBefore.getTime() - (retryWaitMs === null ? wallMs : steadyMs);
  return retryWaitMs !== null && leftMs > retryWaitMs ? 0 : Math.max(0, leftMs);
}
