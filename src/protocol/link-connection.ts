import { toCodedError, type CodedError } from '#errors/coded-error.ts';
import { FrameDecoder, type DecodedFrame } from './frames-decoder.ts';
import { encodeFrame } from './frames.ts';

/** A byte stream to the other end, as its driver hands it over. */
export interface LinkTransport {
  write(bytes: Uint8Array): void;
  /** Stop and go on reading. */
  pause(): void;
  resume(): void;
  /** Ends the stream once what was written is out. */
  close(): void;
  /** Runs it within a few milliseconds. Where it is left out nothing is put off. */
  later?(run: () => void): void;
}

export interface ConnectionEvents {
  frame(frame: DecodedFrame): void;
  /** What came does not decode, or `frame` threw. */
  failed(error: CodedError): void;
}

/** One connection of a link: the driver gives it what arrives; it knows nothing of what came before it. */
export class LinkConnection {
  readonly #transport: LinkTransport;
  readonly #events: ConnectionEvents;
  readonly #decoder = new FrameDecoder();
  #open = true;
  /** Handled, and not yet said. */
  #handled: number | undefined;

  constructor(transport: LinkTransport, events: ConnectionEvents) {
    this.#transport = transport;
    this.#events = events;
  }

  get open(): boolean {
    return this.#open;
  }

  /** Bytes as they arrived; what comes after the end is ignored. Never throws. */
  receive(chunk: Uint8Array): void {
    if (!this.#open) return;
    const { frames, error } = this.#decoder.push(chunk);
    for (const frame of frames) {
      if (!this.#open) return;
      this.#dispatch(frame);
    }
    if (error !== undefined && this.#open) this.#events.failed(error);
  }

  /** What was to be acknowledged goes along. */
  write(bytes: Uint8Array): void {
    if (!this.#open) return;
    const acknowledgement = this.#takeAck();
    this.#transport.write(acknowledgement ? Buffer.concat([acknowledgement, bytes]) : bytes);
  }

  handshake(payload: unknown): void {
    this.write(encodeFrame({ kind: 'handshake', payload }));
  }

  ack(seq: number): void {
    this.#handled = seq;
    this.#sayHandled();
  }

  /** With the next message, or within a few milliseconds: most often an answer follows, and one write wakes the other end once. */
  ackSoon(seq: number): void {
    if (!this.#transport.later) return this.ack(seq);
    const isPutOff = this.#handled !== undefined;
    this.#handled = seq;
    if (!isPutOff) this.#transport.later(() => this.#sayHandled());
  }

  flow(congested: boolean): void {
    if (!this.#open) return;
    if (congested) this.#transport.pause();
    else this.#transport.resume();
  }

  close(): void {
    if (!this.#open) return;
    this.#sayHandled();
    this.#open = false;
    this.#transport.close();
  }

  #sayHandled(): void {
    const acknowledgement = this.#takeAck();
    if (acknowledgement && this.#open) this.#transport.write(acknowledgement);
  }

  #takeAck(): Buffer | undefined {
    if (this.#handled === undefined) return undefined;
    const acknowledgement = encodeFrame({ kind: 'ack', seq: this.#handled });
    this.#handled = undefined;
    return acknowledgement;
  }

  #dispatch(frame: DecodedFrame): void {
    try {
      this.#events.frame(frame);
    } catch (error) {
      this.#events.failed(toCodedError(error));
    }
  }
}
