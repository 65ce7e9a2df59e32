import { Readable } from 'node:stream';
import type { ServerMessage, TaskEvent } from '#protocol/live.ts';
import type { TaskRef } from '../events/stream-log.ts';
import { EventFeed, type EventSource } from './event-feed.ts';

interface Parts {
  readonly events: EventSource;
  readonly of: TaskRef;
  /** The id behind which it begins; the first that is kept where absent. */
  readonly after?: number | undefined;
  /** Of a task that has ended. */
  readonly lastWord?: TaskEvent | undefined;
  readonly heartbeatMs?: number;
}

/** What a reader may leave unread before its subscription rests. */
const UNREAD_BYTES = 512 * 1024;
const HEARTBEAT_MS = 15_000;

/**
 * The events of one task as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html): `id`, `event` (the kind), `data` (JSON); `caught_up`, without an
 * id, behind what was kept. A reader that is too slow rests (see EventFeed). Ends after `ended`.
 */
export class EventStream extends Readable {
  readonly #feed: EventFeed;
  readonly #heartbeat: NodeJS.Timeout;
  #isFull = false;

  constructor({ heartbeatMs = HEARTBEAT_MS, ...parts }: Parts) {
    super({ highWaterMark: UNREAD_BYTES });
    this.#feed = new EventFeed({
      after: undefined,
      lastWord: undefined,
      ...parts,
      take: (message) => this.#take(message),
    });
    this.#heartbeat = setInterval(
      () => void (this.#isFull || this.#feed.isOver || this.push(': still here\n\n')),
      heartbeatMs,
    );
    // Says at once that it is answered: a client shows its connection as open.
    this.push('retry: 2000\n\n');
  }

  /** Called when there is room. */
  override _read(): void {
    this.#isFull = false;
    this.#feed.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearInterval(this.#heartbeat);
    this.#feed.close();
    callback(error);
  }

  #take(message: ServerMessage): boolean {
    this.#isFull = !this.push(textOf(message));
    if (message.type === 'event' && message.event.kind === 'ended') {
      clearInterval(this.#heartbeat);
      this.push(null);
    }
    return !this.#isFull;
  }
}

function textOf(message: ServerMessage): string {
  switch (message.type) {
    case 'event': {
      const { id, at, event } = message;
      return `id: ${id}\nevent: ${event.kind}\ndata: ${JSON.stringify({ ...event, at })}\n\n`;
    }
    case 'gap':
      return `id: ${message.from - 1}\nevent: gap\ndata: ${JSON.stringify({ from: message.from })}\n\n`;
    case 'caught_up':
      return 'event: caught_up\ndata: {}\n\n';
    default:
      return '';
  }
}
