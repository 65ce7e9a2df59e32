import { MISSING, newEventsKey, openEvent, sealEvent, type Said } from './sealing.ts';

interface Entry {
  readonly id: number;
  readonly sealed: Buffer;
}

/**
 * The last events of one task for those who come late, sealed. Bounded in bytes: the oldest go first. The key lives in this process, and wrapped beside the
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
    return said.event.kind === 'missing' ? MISSING : sealEvent(this.#key, this.#task, id, said);
  }

  open(id: number, sealed: Buffer): Said {
    if (sealed.length === 0) return { at: '', event: { kind: 'missing' } };
    return openEvent(this.#key, this.#task, id, sealed);
  }

  /** Whether it was sealed by one of ours. */
  canOpen(id: number, sealed: Buffer): boolean {
    try {
      this.open(id, sealed);
      return true;
    } catch {
      return false;
    }
  }

  add(id: number, sealed: Buffer): void {
    this.#entries.push({ id, sealed });
    this.#bytes += sealed.length;
    while (this.#bytes > this.#limitBytes && this.#entries.length > 1)
      this.#bytes -= this.#entries.shift()!.sealed.length;
  }

  /** Whether that very entry is in it. */
  holds({ id, sealed }: Entry): boolean {
    const known = this.#entries.findLast((entry) => entry.id === id);
    return known !== undefined && (known.sealed.equals(sealed) || known.sealed.equals(MISSING));
  }

  /** Whether it has no other under that id. */
  agrees(entry: Entry): boolean {
    return this.holds(entry) || !this.#entries.some(({ id }) => id === entry.id);
  }

  get firstId(): number | undefined {
    return this.#entries[0]?.id;
  }

  get lastId(): number | undefined {
    return this.#entries.at(-1)?.id;
  }

  /** What is kept behind `id`, in order. */
  after(id: number): readonly Entry[] {
    // Ids grow, and most ask for the last few.
    const at = this.#entries.findLastIndex((entry) => entry.id <= id);
    return this.#entries.slice(at + 1);
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

  /** Empty, from now on under this key, which is its own from here. */
  rekey(key: Buffer): void {
    this.clear();
    this.#key.fill(0);
    this.#key = key;
  }

  destroy(): void {
    this.clear();
    this.#key.fill(0);
  }
}
