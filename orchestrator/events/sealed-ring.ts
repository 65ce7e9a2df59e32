import { newEventsKey, openEvent, sealEvent, type Said } from './sealing.ts';

interface Entry {
  readonly id: number;
  readonly sealed: Buffer;
}

/**
 * The last events of one task for those who come late, sealed; ids without a hole. Bounded in bytes: the oldest go first. The key lives in this process, and wrapped beside the
 * task's stream.
 */
export class SealedRing {
  readonly #task: string;
  readonly #limitBytes: number;
  #key = newEventsKey();
  #entries: Entry[] = [];
  #bytes = 0;

  constructor(task: string, limitBytes: number) {
    this.#task = task;
    this.#limitBytes = limitBytes;
  }

  /** To be wrapped; the ring's to overwrite. */
  get key(): Buffer {
    return this.#key;
  }

  seal(id: number, said: Said): Buffer {
    return sealEvent(this.#key, this.#task, id, said);
  }

  open(id: number, sealed: Buffer): Said {
    return openEvent(this.#key, this.#task, id, sealed);
  }

  /** Behind a hole nothing from before is kept: whoever is not that far yet has missed something. */
  add(id: number, sealed: Buffer): void {
    if (this.lastId !== undefined && id !== this.lastId + 1) this.clear();
    this.#entries.push({ id, sealed });
    this.#bytes += sealed.length;
    while (this.#bytes > this.#limitBytes && this.#entries.length > 1)
      this.#bytes -= this.#entries.shift()!.sealed.length;
  }

  get firstId(): number | undefined {
    return this.#entries[0]?.id;
  }

  get lastId(): number | undefined {
    return this.#entries.at(-1)?.id;
  }

  /** What is kept behind `id`, in order. */
  after(id: number): readonly Entry[] {
    const first = this.firstId;
    return first === undefined ? [] : this.#entries.slice(Math.max(0, id + 1 - first));
  }

  /** Takes back what is behind `id`. */
  cutAfter(id: number): void {
    for (const gone of this.after(id)) this.#bytes -= gone.sealed.length;
    this.#entries = this.#entries.filter((entry) => entry.id <= id);
  }

  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
  }

  /** From now on under this key, with what it holds; the key is its own from here. */
  rekey(key: Buffer): void {
    const kept = this.#entries.map(({ id, sealed }) => ({ id, said: this.open(id, sealed) }));
    this.#key.fill(0);
    this.#key = key;
    this.clear();
    for (const { id, said } of kept) this.add(id, this.seal(id, said));
  }

  destroy(): void {
    this.clear();
    this.#key.fill(0);
  }
}
