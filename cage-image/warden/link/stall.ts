import { OUTBOX_LIMITS } from '#protocol/link-outbox.ts';

/**
 * Tells whether the other end has acknowledged nothing for `stallMs` while more waits than may be on the way: it lives, perhaps, but does not read.
 * What merely waits for its handler is no stall.
 */
export function watchStall(
  outbox: { readonly acked: number; readonly bytes: number },
  stallMs: number,
  windowBytes = OUTBOX_LIMITS.inFlightBytes,
): () => boolean {
  let acked = outbox.acked;
  let sinceMs = performance.now();
  return () => {
    const moving = outbox.acked !== acked || outbox.bytes < windowBytes;
    if (moving) {
      acked = outbox.acked;
      sinceMs = performance.now();
    }
    return performance.now() - sinceMs > stallMs;
  };
}
