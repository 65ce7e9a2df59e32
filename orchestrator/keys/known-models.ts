import { steadyNow } from '../steady-clock.ts';

interface Known {
  readonly models: readonly string[];
  readonly askedAt: Date;
}

const KEEP_MS = 5 * 60_000;

/** What providers said of keys, for five minutes; of several who ask at once one asks the provider. A failure is kept by nobody. */
export class KnownModels {
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<Known>>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = steadyNow) {
    this.#nowMs = nowMs;
  }

  /** A rotated key is another key: its version belongs to what it is known by. */
  async of(key: { id: string; version: number }, ask: () => Promise<readonly string[]>): Promise<Known> {
    const name = `${key.id} ${key.version}`;
    this.#forgetOld();
    const known = this.#known.get(name) ?? this.#asking.get(name);
    if (known) return known;
    const asking = this.#ask(name, ask).finally(() => this.#asking.delete(name));
    this.#asking.set(name, asking);
    return asking;
  }

  async #ask(name: string, ask: () => Promise<readonly string[]>): Promise<Known> {
    const models = [...new Set(await ask())].toSorted();
    const known = { models, askedAt: new Date(this.#nowMs()) };
    this.#known.set(name, known);
    return known;
  }

  #forgetOld(): void {
    for (const [name, { askedAt }] of this.#known)
      if (this.#nowMs() - askedAt.getTime() >= KEEP_MS) this.#known.delete(name);
  }
}
