import { Readable } from 'node:stream';
import type { ServerMessage } from '#protocol/live.ts';

interface Parts {
  /** The id behind which it begins; the first that is kept where absent. */
  readonly after: number | undefined;
  /**
   * Calls `listener` with what is kept behind `after` and with what comes, until the returned function is called. `undefined` where nothing is kept and nothing
   * will come.
   */
  readonly subscribe: (
    after: number | undefined,
    listener: (message: ServerMessage) => void,
  ) => (() => void) | undefined;
  readonly heartbeatMs?: number;
}

/** What a reader may leave unread before its subscription rests. */
const UNREAD_BYTES = 512 * 1024;
const HEARTBEAT_MS = 15_000;

/**
 * The events of one task as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html): `id`, `event` (the kind), `data` (JSON). A
 * reader that is too slow rests, and goes on behind its last id when it reads again: with what is still kept, or with `gap` where that is less. So it never slows the
 * task. Ends after `ended`.
 */
export class EventStream extends Readable {
  readonly #parts: Parts;
  readonly #heartbeat: NodeJS.Timeout;
  #lastId: number | undefined;
  #unsubscribe: (() => void) | undefined;
  #full = false;
  #over = false;

  constructor(parts: Parts) {
    super({ highWaterMark: UNREAD_BYTES });
    this.#parts = parts;
    this.#lastId = parts.after;
    this.#heartbeat = setInterval(
      () => void (this.#full || this.#over || this.push(': still here\n\n')),
      parts.heartbeatMs ?? HEARTBEAT_MS,
    );
    // Says at once that it is answered: a client shows its connection as open.
    this.push('retry: 2000\n\n');
  }

  /** Called when there is room. */
  override _read(): void {
    this.#full = false;
    if (this.#unsubscribe || this.#over) return;
    let early = false;
    const end = this.#parts.subscribe(this.#lastId, (message) => {
      if (!this.#full && !this.#over) this.#take(message);
      early = this.#full || this.#over;
    });
    // What was kept may have filled it before the subscription was known.
    if (!end) this.#end();
    else if (early) end();
    else this.#unsubscribe = end;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearInterval(this.#heartbeat);
    this.#rest();
    callback(error);
  }

  #take(message: ServerMessage): void {
    if (message.type === 'gap') this.#write('gap', message.from - 1, { from: message.from });
    if (message.type !== 'event') return;
    this.#write(message.event.kind, message.id, message.event);
    if (message.event.kind === 'ended') this.#end();
  }

  #write(kind: string, id: number, data: object): void {
    this.#lastId = id;
    if (this.push(`id: ${id}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`)) return;
    this.#full = true;
    this.#rest();
  }

  #end(): void {
    this.#over = true;
    clearInterval(this.#heartbeat);
    this.#rest();
    this.push(null);
  }

  #rest(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }
}
