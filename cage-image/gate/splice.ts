import type { Duplex } from 'node:stream';

export interface SpliceOptions {
  /** The longest life of the stream. */
  readonly lifeMs: number;
  /** Called with the bytes of each piece; false ends the stream. */
  readonly count: (bytes: number) => boolean;
  /** Once, when both sides are gone. */
  readonly closed: () => void;
}

/** Joins two streams until either fails, both have ended, or the time is over; backpressure passes through. */
export function splice(a: Duplex, b: Duplex, options: SpliceOptions): void {
  const end = (): void => {
    a.destroy();
    b.destroy();
  };
  // Node's timers hold 2^31-1 ms at most.
  const timer = setTimeout(end, Math.min(options.lifeMs, 2_147_483_647));
  let left = 2;
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('data', (chunk: Buffer) => {
      if (!options.count(chunk.length)) end();
    });
    from.on('error', end);
    from.once('close', () => {
      end();
      if (--left > 0) return;
      clearTimeout(timer);
      options.closed();
    });
    from.pipe(to);
  }
  if (a.destroyed || b.destroyed) end();
}
