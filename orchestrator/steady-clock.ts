import type { Clocks } from '#task/due.ts';

/**
 * The time, in milliseconds since 1970, as the machine's clock had it when this process started, and grown by the monotonic clock since: it never jumps. For durations whose beginning
 * has to be written down; what people and callers mean by a time is `Date.now()`.
 */
export const steadyNow = (): number => performance.timeOrigin + performance.now();

export const clocks = (): Clocks => ({ wallMs: Date.now(), steadyMs: steadyNow() });
