/** The clock that warden and meter of a cage share: their machine's CLOCK_MONOTONIC, in milliseconds. `performance.now()` counts the same from another beginning. */
export const cageClock = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;
