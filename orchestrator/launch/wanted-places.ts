import type { NoCage, NoPlace, Place } from '../store/places-store.ts';

const ANYWHERE: NoCage = 'a place for its cage';

/** Whether it is only a place that is missing, of whichever kind. */
export function isNoCage(answer: Place | NoPlace): answer is { readonly reason: NoCage } {
  return 'reason' in answer && answer.reason.startsWith(ANYWHERE);
}

/** Organisations of which a task found no place for its cage: in the installation, or among those that the organisation itself may have. */
export class WantedPlaces {
  readonly #anywhere = new Set<string>();
  readonly #own = new Set<string>();

  add(organisation: string, where: NoCage): void {
    (where === ANYWHERE ? this.#anywhere : this.#own).add(organisation);
  }

  /** Whether the next place that this organisation could take is for a task. */
  isFor(organisation: string): boolean {
    return this.#anywhere.size > 0 || this.#own.has(organisation);
  }

  /** Whose tasks may have a place now that a cage of this organisation is gone; they are wanting no longer, until they ask again in vain. */
  freed(organisation: string): string[] {
    const may = new Set(this.#anywhere);
    if (this.#own.has(organisation)) may.add(organisation);
    this.#anywhere.clear();
    this.#own.delete(organisation);
    return [...may];
  }
}
