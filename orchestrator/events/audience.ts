import type { ServerMessage, TaskEvent } from '#protocol/live.ts';
import type { Said } from './sealing.ts';
import type { SealedRing } from './sealed-ring.ts';

export type Listener = (message: ServerMessage) => void;

interface Subscriber {
  readonly listener: Listener;
  /** The last id that it was told; 0 where it wants whatever is kept. */
  position: number;
  /** Where the task's row says already that it has ended. */
  readonly lastWord: TaskEvent | undefined;
  /** It has what was kept, and gets what comes. */
  isLive: boolean;
}

/** An id can be ahead of a clock that was set back by no more than this without being taken for one of another time. */
const CLOCK_SLACK_US = 60_000_000;

/** Who watches one task: each is told every event once and in order, or where it missed some. */
export class Audience {
  readonly #task: string;
  readonly #ring: SealedRing;
  readonly #subscribers = new Set<Subscriber>();

  constructor(task: string, ring: SealedRing) {
    this.#task = task;
    this.#ring = ring;
  }

  get size(): number {
    return this.#subscribers.size;
  }

  get hasNewcomers(): boolean {
    return [...this.#subscribers].some(({ isLive }) => !isLive);
  }

  /** It is told nothing before `catchUp`; returns the end of its subscription. */
  add(after: number | undefined, lastWord: TaskEvent | undefined, listener: Listener): () => void {
    const one: Subscriber = { listener, position: after ?? 0, lastWord, isLive: false };
    this.#subscribers.add(one);
    return () => void this.#subscribers.delete(one);
  }

  /** Gives those who came what is kept. True where for one of them only the end is missing that its task's row tells of. */
  catchUp(nowUs: number | undefined): boolean {
    let endMissing = false;
    for (const one of this.#subscribers) {
      if (one.isLive) continue;
      if (nowUs !== undefined && one.position > nowUs + CLOCK_SLACK_US) this.#startOver(one);
      this.#giveKept(one);
      if (!this.#subscribers.has(one)) continue;
      one.isLive = true;
      if (one.lastWord) endMissing = true;
      else one.listener({ type: 'caught_up', task: this.#task });
    }
    return endMissing;
  }

  /** An event that was just added to what is kept. */
  tell(id: number, said: Said): void {
    for (const one of this.#subscribers) {
      if (!one.isLive) continue;
      // It saw another under that id, where that was never written.
      if (one.position >= id) this.#goOn(one, id);
      this.#tell(one, id, said);
    }
  }

  /** What was told behind `seen` is taken back: whoever was told that goes on at `next`. */
  goOn(seen: number, next: number): void {
    for (const one of this.#subscribers) if (one.isLive && one.position > seen) this.#goOn(one, next);
  }

  /** The row's word where no event tells of the end: to all, or to those who came with it. */
  conclude(at: string, word?: TaskEvent): void {
    for (const one of this.#subscribers) {
      const event = one.lastWord ?? word;
      if (!event || !one.isLive) continue;
      const id = one.position + 1;
      // What came before the end may be lost with whoever had both: it kept them, perhaps, while Redis was away.
      if (one.position > 0) one.listener({ type: 'gap', task: this.#task, from: id });
      this.#tell(one, id, { at, event });
    }
  }

  #giveKept(one: Subscriber): void {
    for (const { id, sealed } of this.#ring.after(one.position)) {
      // A listener that is too slow ends its subscription in the middle.
      if (!this.#subscribers.has(one)) return;
      this.#tell(one, id, this.#ring.open(id, sealed));
    }
  }

  #startOver(one: Subscriber): void {
    const from = this.#ring.firstId ?? 1;
    one.position = 0;
    one.listener({ type: 'gap', task: this.#task, from });
  }

  #goOn(one: Subscriber, next: number): void {
    one.position = next - 1;
    one.listener({ type: 'gap', task: this.#task, from: next });
  }

  #tell(one: Subscriber, id: number, { at, event }: Said): void {
    if (id <= one.position) return;
    if (event.kind === 'missing') return this.#goOn(one, id + 1);
    if (one.position > 0 && id > one.position + 1) one.listener({ type: 'gap', task: this.#task, from: id });
    if (!this.#subscribers.has(one)) return;
    one.position = id;
    if (event.kind === 'ended') this.#subscribers.delete(one);
    one.listener({ type: 'event', task: this.#task, id, at, event });
  }
}
