import type { LinkOutbox } from './link-outbox.ts';

interface SentEvent {
  readonly seq: number;
  readonly task: string;
}

/** Which of the events that were sent was the last to be acknowledged. */
export class AckedEvents {
  readonly #outbox: Pick<LinkOutbox, 'last' | 'acked'>;
  #sent: SentEvent[] = [];
  #acked: SentEvent | undefined;

  constructor(outbox: Pick<LinkOutbox, 'last' | 'acked'>) {
    this.#outbox = outbox;
  }

  /** The newest message is an event of that task. */
  sent(task: string): void {
    this.#look();
    this.#sent.push({ seq: this.#outbox.last, task });
  }

  /** Its number; undefined where none of that task was, or one of another task since. */
  lastOf(task: string): number | undefined {
    this.#look();
    return this.#acked?.task === task ? this.#acked.seq : undefined;
  }

  #look(): void {
    const waits = this.#sent.findIndex(({ seq }) => seq > this.#outbox.acked);
    const acked = waits === -1 ? this.#sent.length : waits;
    if (acked === 0) return;
    this.#acked = this.#sent[acked - 1];
    this.#sent = this.#sent.slice(acked);
  }
}
