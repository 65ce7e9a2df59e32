import type { Socket } from 'node:net';

export interface SpliceOptions {
  /** The longest life of the stream; no limit where absent. */
  readonly lifeMs?: number;
  /** Called with the bytes of each piece; false ends the stream. */
  readonly count?: (bytes: number) => boolean;
  /** Once, when both sides are gone. */
  readonly closed?: () => void;
}

/** Node's timers hold 2^31-1 ms at most. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Joins two streams until either fails, both have ended, or the time is over; backpressure passes through, and so does the end of one direction while the
 * other goes on, where both were opened with `allowHalfOpen`.
 */
export function splice(a: Socket, b: Socket, options: SpliceOptions = {}): void {
  const end = (): void => {
    a.destroy();
    b.destroy();
  };
  const timer = setTimeout(end, Math.min(options.lifeMs ?? LONGEST_TIMER_MS, LONGEST_TIMER_MS));
  let left = 2;
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('data', (chunk: Buffer) => {
      if (options.count?.(chunk.length) === false) end();
    });
    from.on('error', end);
    from.once('close', () => {
      // What was read to its end is still written out to who reads slowly.
      if (from.readableEnded) to.destroySoon();
      else to.destroy();
      if (--left > 0) return;
      clearTimeout(timer);
      options.closed?.();
    });
    from.pipe(to);
  }
  if (a.destroyed || b.destroyed) end();
}
