/**
 * The independent judge of the caps. It knows arrivals and caps only: no permits, no reservations, and no code of the limiter or of the simulator.
 *
 * The promise: the sum of what arrives in any window never exceeds the cap in force at the last permit of the window. Books of a provider do not show permits; the
 * last permit lies between the last arrival less `lagMs` (the longest time from a permit to its arrival) and that arrival, so the largest cap that was in force in that
 * time is allowed.
 */
export interface Arrival {
  readonly atMs: number;
  readonly tokens: number;
}

/** From `fromMs` on this cap, until the next of the list; null is none. In the order of their times. */
export type CapHistory = readonly { readonly fromMs: number; readonly cap: number | null }[];

export interface Worst {
  /** Used / cap in the worst window; 0 where nothing arrived, or under no cap. */
  readonly ratio: number;
  readonly used: number;
  readonly cap: number | null;
  /** The arrival that ends the worst window. */
  readonly endMs: number | null;
}

/**
 * The window (t - windowMs, t] for every arrival at t: each window of that length, at any offset, holds no more than the one of these that ends at its own last
 * arrival, and both have the same cap. Two arrivals exactly `windowMs` apart share no window.
 */
export function worstOf(
  arrivals: readonly Arrival[],
  caps: CapHistory,
  options: { readonly windowMs: number; readonly lagMs: number; readonly value: (one: Arrival) => number },
): Worst {
  const { windowMs, lagMs, value } = options;
  const ordered = [...arrivals].sort((a, b) => a.atMs - b.atMs);
  let worst: Worst = { ratio: 0, used: 0, cap: null, endMs: null };
  let first = 0;
  let used = 0;
  for (const [at, last] of ordered.entries()) {
    used += value(last);
    while (ordered[first]!.atMs <= last.atMs - windowMs) used -= value(ordered[first++]!);
    // Of those at one and the same moment the last ends the window that has them all.
    if (ordered[at + 1]?.atMs === last.atMs) continue;
    const cap = largestIn(caps, last.atMs - lagMs, last.atMs);
    const ratio = ratioOf(used, cap);
    if (ratio > worst.ratio) worst = { ratio, used, cap, endMs: last.atMs };
  }
  return worst;
}

/** The largest cap in force at any time from one moment to another; null: at some time there was none. */
export function largestIn(caps: CapHistory, fromMs: number, toMs: number): number | null {
  if (caps.length === 0) return null;
  let largest = 0;
  for (const [at, { cap, fromMs: since }] of caps.entries()) {
    // What was in force before the first of the list is taken to have been the first.
    const began = at === 0 ? -Infinity : since;
    const ended = caps[at + 1]?.fromMs ?? Infinity;
    if (began > toMs || ended < fromMs) continue;
    if (cap === null) return null;
    largest = Math.max(largest, cap);
  }
  return largest;
}

function ratioOf(used: number, cap: number | null): number {
  if (cap === null || used === 0) return 0;
  return cap === 0 ? Infinity : used / cap;
}
