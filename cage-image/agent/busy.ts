/** What the agent is at: `limitMs` is how long that may go on without a sign of progress, `sinceMs` how long it has. */
export interface Activity {
  readonly what: string;
  readonly sinceMs: number;
  readonly limitMs: number;
}

/** Between two steps there is only computing. */
const BETWEEN_MS = 60_000;

/** Keeps account of what the agent waits for, for the warden to ask: silence is fine for as long as it was declared. Names and times only. */
export class Busy {
  readonly #open = new Set<{ what: string; limitMs: number; signMs: number }>();
  #idleSinceMs = performance.now();

  /** While `work` goes on; each `sign` of progress begins its limit anew. */
  async during<T>(what: string, limitMs: number, work: (sign: () => void) => Promise<T>): Promise<T> {
    const activity = { what, limitMs, signMs: performance.now() };
    this.#open.add(activity);
    try {
      return await work(() => (activity.signMs = performance.now()));
    } finally {
      this.#open.delete(activity);
      this.#idleSinceMs = performance.now();
    }
  }

  list(): Activity[] {
    const now = performance.now();
    if (this.#open.size === 0)
      return [{ what: 'nothing', limitMs: BETWEEN_MS, sinceMs: Math.round(now - this.#idleSinceMs) }];
    return [...this.#open].slice(0, MAX_TOLD).map(({ what, limitMs, signMs }) => ({
      what: what.slice(0, MAX_NAME),
      limitMs,
      sinceMs: Math.round(now - signMs),
    }));
  }
}

/** The oldest of them; the warden takes no longer list. */
const MAX_TOLD = 64;
const MAX_NAME = 128;
