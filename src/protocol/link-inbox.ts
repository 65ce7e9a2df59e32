import { CodedError } from '#errors/coded-error.ts';

export interface InboxEvents<In> {
  /** One at a time and in order; the next is not begun, and this one not acknowledged, before it has resolved. */
  readonly handle: (message: In, seq: number) => Promise<void> | void;
  /** `seq` is handled; `more` tells that others wait. */
  readonly handled: (seq: number, more: boolean) => void;
  /** The handler failed: the message and what followed it are forgotten, for the other end to send again. */
  readonly failed: (error: unknown) => void;
  /** More (or again less) than `INBOX_BYTES` wait for the handler. */
  readonly congested: (congested: boolean) => void;
}

export const INBOX_BYTES = 4 * 1024 * 1024;

/** Takes each message once and in order, whatever is sent again, and feeds them to a handler. */
export class LinkInbox<In> {
  readonly #events: InboxEvents<In>;
  #queue: { seq: number; message: In; bytes: number }[] = [];
  #queuedBytes = 0;
  #accepted: number;
  #handled: number;
  #generation = 0;
  #pumping = false;
  #waiting: { seq: number; resolve: () => void }[] = [];

  constructor(lastSeq: number, events: InboxEvents<In>) {
    this.#accepted = lastSeq;
    this.#handled = lastSeq;
    this.#events = events;
  }

  get handled(): number {
    return this.#handled;
  }

  get accepted(): number {
    return this.#accepted;
  }

  /** Resolves when all that was accepted until now is handled, or forgotten. */
  caughtUp(): Promise<void> {
    if (this.#handled >= this.#accepted) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ seq: this.#accepted, resolve }));
  }

  get congested(): boolean {
    return this.#queuedBytes > INBOX_BYTES;
  }

  /** Errors: `link_sequence` where messages before this one are missing; `parse`'s. What came before is ignored. */
  accept(seq: number, bytes: number, parse: () => In): void {
    if (seq <= this.#accepted) return;
    if (seq !== this.#accepted + 1)
      throw new CodedError('link_sequence', { expected: this.#accepted + 1, received: seq });
    const message = parse();
    this.#accepted = seq;
    this.#queue.push({ seq, message, bytes });
    this.#account(bytes);
    void this.#pump();
  }

  /** The sender's numbering goes on after `seq`; what waits is forgotten. A handler that runs is waited for, but its message no longer counts. */
  restart(seq: number): void {
    this.#generation++;
    this.#forget();
    this.#accepted = seq;
    this.#handled = seq;
    this.#release(Number.POSITIVE_INFINITY);
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      await this.#handle(item.seq, item.message, item.bytes);
    }
    this.#pumping = false;
  }

  async #handle(seq: number, message: In, bytes: number): Promise<void> {
    const generation = this.#generation;
    try {
      await this.#events.handle(message, seq);
    } catch (error) {
      if (generation === this.#generation) this.#fail(error);
      return;
    }
    if (generation !== this.#generation) return;
    this.#handled = seq;
    this.#account(-bytes);
    this.#events.handled(seq, this.#queue.length > 0);
    this.#release(seq);
  }

  #release(seq: number): void {
    const caughtUp = this.#waiting.filter((waiting) => waiting.seq <= seq);
    this.#waiting = this.#waiting.filter((waiting) => waiting.seq > seq);
    for (const { resolve } of caughtUp) resolve();
  }

  #fail(error: unknown): void {
    this.restart(this.#handled);
    this.#events.failed(error);
  }

  #forget(): void {
    this.#queue = [];
    this.#account(-this.#queuedBytes);
  }

  #account(bytes: number): void {
    const before = this.congested;
    this.#queuedBytes += bytes;
    if (before !== this.congested) this.#events.congested(this.congested);
  }
}
