import type { CodedError } from '#errors/coded-error.ts';
import type { Audience } from './audience.ts';
import type { SealedRing } from './sealed-ring.ts';
import type { Said } from './sealing.ts';
import type { NewEntry, Once, SealedEntry } from './stream-log.ts';

/** Who says an event, and whether it may come again after a crash. */
export interface By {
  /** See src/task/fence.ts. */
  readonly fence: number;
  readonly once?: Once;
}

/** A message of the cage of that attempt, by its number there. */
export const ofCage = (epoch: number, number: number): Once => ({ field: `cage ${epoch}`, number });

/** An event that is not in the stream yet. */
interface Pending {
  /** Until it is sealed for good. */
  said: Said | undefined;
  /** Set together, when it is about to be written or is shown without that. */
  id: number | undefined;
  sealed: Buffer | undefined;
  /** Subscribers here have been told. */
  shown: boolean;
  readonly fence: number;
  readonly once: Once | undefined;
  readonly over: boolean;
  /** It is written; or kept, while Redis is away. */
  readonly taken: PromiseWithResolvers<void>;
}

interface Parts {
  readonly ring: SealedRing;
  readonly audience: Audience;
  /** Behind which ids begin where no stream tells. */
  readonly base: () => number;
  /** Microseconds where the streams lie, which no id is ahead of; 0 where that is not known. */
  readonly nowUs: () => number;
}

const BATCH = { events: 128, bytes: 1024 * 1024 } as const;

/** The events of one task that are not in its stream yet, in order, and the ids that they get. */
export class Unwritten {
  readonly #parts: Parts;
  #pending: Pending[] = [];
  /** The newest that is in the stream. */
  savedId: number | undefined;
  /** The newest that has an id. */
  lastId: number | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0;
  }

  get fence(): number {
    return this.#pending[0]?.fence ?? 0;
  }

  /** Behind which a stream has to begin that is to hold them; undefined where any will do. */
  get begin(): number | undefined {
    const first = this.#pending[0]?.id ?? (this.lastId === undefined ? undefined : this.lastId + 1);
    return first === undefined ? undefined : first - 1;
  }

  get holdsAnEnd(): boolean {
    return this.#pending.some(({ over }) => over);
  }

  get holdsOnlyAnEnd(): boolean {
    return this.#pending.every(({ over }) => over);
  }

  /** Resolves when it is taken. */
  add(said: Said, { fence, once }: By): Promise<void> {
    const taken = Promise.withResolvers<void>();
    const over = said.event.kind === 'ended';
    this.#pending.push({ said, id: undefined, sealed: undefined, shown: false, fence, once, over, taken });
    return taken.promise;
  }

  /** Whether one of them has that id already, or a lower one. */
  collides(id: number): boolean {
    const [first] = this.#pending;
    return first?.id !== undefined && first.id <= id;
  }

  /** What was in a stream that is lost goes before the others; it keeps its ids. */
  putBack(entries: readonly SealedEntry[]): void {
    const { fence } = this;
    const again = entries.map(({ id, sealed }) => ({
      id,
      sealed,
      said: undefined,
      shown: true,
      fence,
      once: undefined,
      over: false,
      taken: Promise.withResolvers<void>(),
    }));
    // Whoever said them knows already that they were taken.
    for (const { taken } of again) taken.resolve();
    this.#pending.unshift(...again);
  }

  /** The first of them, of one writer, as they go into the stream. */
  nextBatch(): NewEntry[] {
    const batch: NewEntry[] = [];
    let bytes = 0;
    for (const one of this.#pending) {
      if (batch.length === BATCH.events || bytes > BATCH.bytes || one.fence !== this.fence) break;
      const entry = this.#sealed(one);
      bytes += entry.sealed.length;
      batch.push({ ...entry, once: one.once, over: one.over });
    }
    return batch;
  }

  /** Whether that is the first of these, which was written and whose answer was lost. */
  isFirst({ id, sealed }: SealedEntry): boolean {
    const [first] = this.#pending;
    return first?.id === id && first.sealed?.equals(sealed) === true;
  }

  /** The first of them is in the stream: it is shown where it was not. */
  written(id: number, show: (id: number, said: Said) => void): void {
    this.savedId = id;
    const [one] = this.#pending;
    // There were too many to keep while that was on its way: it was shown.
    if (one?.id !== id) return;
    this.#pending.shift();
    if (!one.shown) {
      this.#parts.ring.add(id, one.sealed!);
      show(id, one.said!);
    }
    one.taken.resolve();
  }

  /** Without the stream: subscribers here see them, and they are kept for later, up to a limit; the oldest go first. */
  showAll(show: (id: number, said: Said) => void, limitBytes: number): void {
    for (const one of this.#pending) {
      if (one.shown) continue;
      const { id, sealed } = this.#sealed(one);
      const said = one.said!;
      one.shown = true;
      one.said = undefined;
      this.#parts.ring.add(id, sealed);
      show(id, said);
      one.taken.resolve();
    }
    let bytes = this.#pending.reduce((sum, { sealed }) => sum + (sealed?.length ?? 0), 0);
    while (bytes > limitBytes && this.#pending.length > 1)
      bytes -= this.#pending.shift()!.sealed?.length ?? 0;
  }

  /** They will not be written; who saw them has seen them. */
  clear(): void {
    for (const { taken } of this.#pending) taken.resolve();
    this.#pending = [];
  }

  /** The first will not be written: it is there already. */
  dropFirst(): void {
    const [first] = this.#pending;
    this.#drop((one) => one === first);
  }

  /** None of this writer, or of one before it, is written. */
  refuse(fence: number, error: CodedError): void {
    this.#drop((one) => one.fence <= fence, error);
  }

  /**
   * Another's entries come before them: they have no ids any more. What was shown of them was not in the stream: whoever was told goes on at `next`, behind a gap, and is told it again
   * when it is written, or never.
   */
  lift(next: number): void {
    this.#lift(this.#pending, this.savedId, next);
  }

  /** What came behind `id` is not in the stream any more, which goes on at `next`. */
  goBack(id: number, next: number): void {
    if (this.savedId === undefined || id >= this.savedId) return;
    this.savedId = id;
    this.lift(next);
  }

  /** From now on under this key. What was shown keeps its id. */
  rekey(key: Buffer): void {
    const { ring } = this.#parts;
    const sealed = this.#pending.flatMap((one) => {
      const { id } = one;
      return id === undefined || !one.sealed
        ? []
        : [{ one, id, said: one.said ?? ring.open(id, one.sealed) }];
    });
    ring.rekey(key);
    for (const { one, id, said } of sealed) {
      one.sealed = ring.seal(id, said);
      if (one.shown) ring.add(id, one.sealed);
    }
    this.savedId = undefined;
    this.lastId = sealed.at(-1)?.one.id;
  }

  #drop(which: (one: Pending) => boolean, error?: CodedError): void {
    const first = this.#pending.findIndex(which);
    if (first === -1) return;
    const before = first === 0 ? this.savedId : this.#pending[first - 1]!.id;
    this.#lift(this.#pending.slice(first), before, (before ?? 0) + 1);
    const dropped = this.#pending.filter(which);
    this.#pending = this.#pending.filter((one) => !which(one));
    for (const { taken } of dropped) {
      if (error) taken.reject(error);
      else taken.resolve();
    }
  }

  /** Those from some place on; `before` is the id before them, `next` where whoever saw them goes on. */
  #lift(these: readonly Pending[], before: number | undefined, next: number): void {
    const { ring, audience } = this.#parts;
    const wereShown = these.some(({ shown }) => shown);
    for (const one of these) {
      if (one.id === undefined || one.sealed === undefined) continue;
      one.said ??= ring.open(one.id, one.sealed);
      one.id = undefined;
      one.sealed = undefined;
      one.shown = false;
    }
    if (before === undefined) ring.clear();
    else ring.cutAfter(before);
    this.lastId = before;
    if (wereShown) audience.goOn(before ?? 0, next);
  }

  #sealed(one: Pending): SealedEntry {
    if (one.id === undefined || one.sealed === undefined) {
      const next = (this.lastId ?? this.#parts.base()) + 1;
      // Whoever showed what is missing gave it ids that the stream does not know. Those of now are above them: nobody who saw such a one takes it for one of these.
      const id = one.said!.event.kind === 'missing' ? Math.max(next, this.#parts.nowUs()) : next;
      this.lastId = id;
      one.id = id;
      one.sealed = this.#parts.ring.seal(id, one.said!);
    }
    return { id: one.id, sealed: one.sealed };
  }
}
