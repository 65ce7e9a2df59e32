import type { CageEnded } from '#runtime/runtime.ts';
import { EndedChannel } from '../ended-channel.ts';

/** Tells each reader of an installation the ends of its cages, from the moment that the reader came. */
export class EndedBroadcast {
  readonly #readers = new Set<{ install: string; channel: EndedChannel }>();

  open(install: string, signal: AbortSignal): AsyncIterable<CageEnded> {
    const reader = { install, channel: new EndedChannel(signal) };
    this.#readers.add(reader);
    signal.addEventListener('abort', () => this.#readers.delete(reader), { once: true });
    return reader.channel;
  }

  tell(install: string, ended: CageEnded): void {
    for (const reader of this.#readers) if (reader.install === install) reader.channel.push(ended);
  }
}
