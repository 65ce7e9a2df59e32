import type { ServerMessage, TaskEvent } from '#protocol/live.ts';
import type { TaskRef } from '../events/stream-log.ts';

export interface EventSource {
  /** Calls `listener` with what is kept behind `after`, with `caught_up`, and with what comes, until the returned function is called or the task has ended. */
  subscribe(
    of: TaskRef,
    from: { readonly after?: number | undefined; readonly lastWord?: TaskEvent | undefined },
    listener: (message: ServerMessage) => void,
  ): () => void;
}

interface Parts {
  readonly events: EventSource;
  readonly of: TaskRef;
  readonly after: number | undefined;
  /** Of a task that had ended when it was asked for. */
  readonly lastWord: TaskEvent | undefined;
  /** Takes a message, also where it says that it has no more room: false. */
  readonly take: (message: ServerMessage) => boolean;
}

/**
 * One reader's events of one task. Where the reader is too slow it rests: nothing is kept for it, and it goes on behind its last id when it has room, with what is still there or
 * with `gap` where that is less. So nobody who reads costs more than a bounded memory, and nobody slows the task.
 */
export class EventFeed {
  readonly #parts: Parts;
  #lastId: number | undefined;
  #end: (() => void) | undefined;
  #isOver = false;
  #hasCaughtUp = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#lastId = parts.after;
  }

  /** The task's last event was taken, or it was closed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** There is room: goes on, where it rested. */
  resume(): void {
    if (this.#end || this.#isOver) return;
    const { events, of, lastWord } = this.#parts;
    let isFull = false;
    const end = events.subscribe(of, { after: this.#lastId, lastWord }, (message) => {
      if (isFull || this.#isOver) return;
      isFull = !this.#take(message);
      if (isFull) this.#rest();
    });
    // The first words may have filled it, or may have been the last.
    if (isFull || this.#isOver) end();
    else this.#end = end;
  }

  close(): void {
    this.#isOver = true;
    this.#rest();
  }

  #take(message: ServerMessage): boolean {
    if (message.type === 'caught_up') {
      if (this.#hasCaughtUp) return true;
      this.#hasCaughtUp = true;
    }
    if (message.type === 'gap') this.#lastId = message.from - 1;
    if (message.type === 'event') this.#lastId = message.id;
    const hasRoom = this.#parts.take(message);
    if (message.type === 'event' && message.event.kind === 'ended') this.close();
    return hasRoom;
  }

  #rest(): void {
    this.#end?.();
    this.#end = undefined;
  }
}
