import type { CagesStore } from '../store/cages-store.ts';

/** Warm cages that were promised to tasks which have not taken them yet, so that two are not promised the same. */
export class WarmPlaces {
  readonly #cages: CagesStore;
  readonly #promised = new Map<string, number>();

  constructor(cages: CagesStore) {
    this.#cages = cages;
  }

  /** Promises one of the Claw's warm cages; to be given back once it is taken. `undefined` where there is none left. */
  async promise(organisation: string, claw: string): Promise<(() => void) | undefined> {
    const warm = await this.#cages.warmOf(organisation, claw);
    if (warm.length <= (this.#promised.get(claw) ?? 0)) return undefined;
    this.#count(claw, 1);
    let held = true;
    return () => {
      if (held) this.#count(claw, -1);
      held = false;
    };
  }

  #count(claw: string, change: number): void {
    const count = (this.#promised.get(claw) ?? 0) + change;
    if (count > 0) this.#promised.set(claw, count);
    else this.#promised.delete(claw);
  }
}
