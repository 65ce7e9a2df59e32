import type { Socket } from 'node:net';

/**
 * Streams that have not shown a capability. Every process of a cage can open the gate's socket, and the gate cannot tell whose it is; so where there are
 * too many, the oldest goes: an honest client shows its capability at once.
 */
export class Strangers {
  readonly #limit: number;
  readonly #streams = new Set<Socket>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(stream: Socket): void {
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    const [oldest] = this.#streams;
    if (this.#streams.size > this.#limit) oldest?.destroy();
  }

  known(stream: Socket): void {
    this.#streams.delete(stream);
  }
}
