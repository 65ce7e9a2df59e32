/**
 * Since when this process has seen a thing as it is, by its own monotonic clock: the only age that counts before something is taken away. Times of creation come from clocks of others, and
 * from clocks that somebody may set. What is not seen again is forgotten, and begins anew.
 */
export class FirstSeen {
  readonly #now: () => number;
  readonly #since = new Map<string, Map<string, number>>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Of these things of one source, seen now: for how long each has been, in milliseconds. */
  ages(source: string, things: readonly string[]): Map<string, number> {
    const before = this.#since.get(source);
    const now = this.#now();
    const since = new Map(things.map((thing) => [thing, before?.get(thing) ?? now]));
    this.#since.set(source, since);
    return new Map([...since].map(([thing, from]) => [thing, now - from]));
  }
}
