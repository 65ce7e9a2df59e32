import { CodedError } from '#errors/coded-error.ts';
import type { DecodedFrame } from './frames-decoder.ts';
import type { LinkConnection } from './link-connection.ts';
import { LinkInbox } from './link-inbox.ts';
import { LinkOutbox, OUTBOX_LIMITS, type OutboxLimits, type Urgency } from './link-outbox.ts';
import { PASSED_OVER } from './link-parse.ts';

export interface LinkSessionOptions<In> {
  /** The last message of the other end that was handled in an earlier life. */
  readonly lastSeq: number;
  /** Errors: `link_message_unknown`. */
  readonly parse: (payload: unknown, fromNewer: boolean) => In | typeof PASSED_OVER;
  readonly onMessage: (message: In, seq: number) => Promise<void> | void;
  /** The handler failed; the connection is closed, and the message comes again with the next one. */
  readonly onHandlerFailed: (error: unknown) => void;
  readonly limits?: OutboxLimits | undefined;
}

/** An acknowledgement is sent when nothing more waits, and at the latest after so many messages. */
const ACK_EVERY = 16;

/**
 * What both ends of a link have in common, over all of its connections: what is sent is numbered, kept until the other end has handled
 * it, and sent again on the next connection; what is received is handled once and in order, then acknowledged. No sockets, no timers.
 */
export class LinkSession<Out, In> {
  readonly #outbox: LinkOutbox;
  readonly #inbox: LinkInbox<In | typeof PASSED_OVER>;
  readonly #parse: LinkSessionOptions<In>['parse'];
  #waiters: { seq: number; resolve: () => void; reject: (error: CodedError) => void }[] = [];
  #connection: LinkConnection | undefined;
  #acknowledged = 0;
  #closed = false;
  #withNewer = false;

  constructor(options: LinkSessionOptions<In>) {
    this.#outbox = new LinkOutbox(options.limits ?? OUTBOX_LIMITS);
    this.#parse = options.parse;
    this.#inbox = new LinkInbox<In | typeof PASSED_OVER>(options.lastSeq, {
      handle: (message, seq) => (message === PASSED_OVER ? undefined : options.onMessage(message, seq)),
      handled: (seq, more) => this.#handled(seq, more),
      failed: (error) => {
        this.#connection?.close();
        options.onHandlerFailed(error);
      },
      congested: (congested) => this.#connection?.flow(congested),
    });
  }

  get outbox(): Pick<LinkOutbox, 'last' | 'acked' | 'dropped' | 'bytes'> {
    return this.#outbox;
  }

  get inbox(): Pick<LinkInbox<unknown>, 'handled' | 'accepted' | 'caughtUp'> {
    return this.#inbox;
  }

  /** The connection over which messages pass at present. */
  get connection(): LinkConnection | undefined {
    return this.#connection?.open === true ? this.#connection : undefined;
  }

  /** False where a droppable message was dropped. Errors: `link_backlog`, `link_frame_too_large`, `link_closed`. */
  send(message: Out, urgency: Urgency = 'ordinary'): boolean {
    if (this.#closed) throw new CodedError('link_closed');
    const kept = this.#outbox.add(message, urgency);
    if (kept) this.#flush();
    return kept;
  }

  /** Resolves when the other end has handled all that was sent until now. Errors: `link_closed`. */
  acknowledged(): Promise<void> {
    const seq = this.#outbox.last;
    if (this.#outbox.acked >= seq) return Promise.resolve();
    if (this.#closed) return Promise.reject(new CodedError('link_closed'));
    return new Promise((resolve, reject) => this.#waiters.push({ seq, resolve, reject }));
  }

  /** The other end has handled all up to `seq`. Errors: `link_sequence`. */
  peerHandled(seq: number): void {
    this.#outbox.ack(seq);
    const done = this.#waiters.filter((waiter) => waiter.seq <= this.#outbox.acked);
    this.#waiters = this.#waiters.filter((waiter) => waiter.seq > this.#outbox.acked);
    for (const waiter of done) waiter.resolve();
  }

  /** The numbering of the other end goes on after `seq`. */
  restartInbox(seq: number): void {
    this.#inbox.restart(seq);
  }

  /** The handshake on this connection is over: what is not acknowledged is sent on it. `withNewer`: the other end speaks a version that this one does not. */
  begin(connection: LinkConnection, withNewer: boolean): void {
    this.#connection = connection;
    this.#withNewer = withNewer;
    this.#acknowledged = this.#inbox.handled;
    this.#outbox.rewind();
    if (this.#inbox.congested) connection.flow(true);
    this.#flush();
  }

  /** A message or an acknowledgement that came over `connection`. Errors: `link_sequence`, `link_message_unknown`, `link_frame_invalid`. */
  take(connection: LinkConnection, frame: DecodedFrame): void {
    if (connection !== this.#connection) throw new CodedError('link_frame_invalid', { part: 'order' });
    if (frame.kind === 'message')
      this.#inbox.accept(frame.seq, frame.bytes, () => this.#parse(frame.payload, this.#withNewer));
    if (frame.kind === 'ack') {
      this.peerHandled(frame.seq);
      this.#flush();
    }
  }

  /** Says again what was handled, so that the other end hears that this one lives. */
  keepAlive(): void {
    this.#connection?.ack(this.#inbox.handled);
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
    for (const waiter of this.#waiters) waiter.reject(new CodedError('link_closed'));
    this.#waiters = [];
  }

  #handled(seq: number, more: boolean): void {
    const isDue = seq - this.#acknowledged >= ACK_EVERY;
    if (more && !isDue) return;
    this.#acknowledged = seq;
    if (isDue) this.#connection?.ack(seq);
    else this.#connection?.ackSoon(seq);
  }

  #flush(): void {
    const connection = this.connection;
    if (connection === undefined) return;
    for (let bytes = this.#outbox.next(); bytes !== undefined; bytes = this.#outbox.next())
      connection.write(bytes);
  }
}
