import type { Socket } from 'node:net';
import { CodedError } from '#errors/coded-error.ts';
import type { CapabilityClaims } from '#protocol/capability.ts';
import { saySwitched } from './answers.ts';
import type { GateBooks } from './books.ts';
import type { GateLimits } from './limits.ts';
import { splice } from '../tunnel/splice.ts';

interface Offer {
  readonly claims: CapabilityClaims;
  readonly stream: Socket;
  /** The stream is a controller's from now on. */
  take(): void;
}

/** Brings the wardens' offers and the controllers together; of each cage the newest offer waits. */
export class LinkExchange {
  readonly #limits: GateLimits;
  readonly #books: GateBooks;
  readonly #offers = new Map<string, Offer>();
  readonly #waiting = new Map<string, ((offer: Offer) => void)[]>();

  constructor(limits: GateLimits, books: GateBooks) {
    this.#limits = limits;
    this.#books = books;
  }

  /** Keeps the stream until a controller attaches. Errors: `gate_busy`. */
  offer(claims: CapabilityClaims, stream: Socket): void {
    const entry = this.#books.enter(claims);
    const speaksFirst = (): void => void stream.destroy();
    const offer: Offer = {
      claims,
      stream,
      take: () => {
        stream.off('data', speaksFirst);
        stream.off('end', speaksFirst);
        stream.pause();
        if (this.#offers.get(claims.cage) === offer) this.#offers.delete(claims.cage);
      },
    };
    // An end is only noticed where the stream is read, and there is nothing to say before the link is joined.
    stream.on('data', speaksFirst).on('end', speaksFirst);
    stream.once('close', () => {
      entry.close();
      if (this.#offers.get(claims.cage) === offer) this.#offers.delete(claims.cage);
    });
    const waiting = this.#waiting.get(claims.cage)?.shift();
    if (waiting) return waiting(offer);
    this.#offers.get(claims.cage)?.stream.destroy();
    this.#offers.set(claims.cage, offer);
  }

  /** Joins the stream with the cage's offer, now or within a few seconds. Errors: `gate_no_cage`, `gate_busy`. */
  async attach(claims: CapabilityClaims, stream: Socket): Promise<void> {
    const entry = this.#books.enter(claims);
    stream.once('close', () => entry.close());
    const offer = await this.#nextOffer(claims.cage, stream);
    stream.pause();
    saySwitched(offer.stream);
    saySwitched(stream);
    const lives = [claims.tunnelMs, offer.claims.tunnelMs, offer.claims.expires * 1000 - Date.now()];
    splice(stream, offer.stream, {
      lifeMs: Math.max(0, Math.min(...lives)),
      count: (bytes) => entry.count(bytes),
      closed: () => undefined,
    });
  }

  #nextOffer(cage: string, controller: Socket): Promise<Offer> {
    const present = this.#offers.get(cage);
    if (present) {
      present.take();
      return Promise.resolve(present);
    }
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(cage) ?? [];
      this.#waiting.set(cage, queue);
      const stop = (): void => {
        clearTimeout(timer);
        controller.off('close', giveUp).off('end', giveUp).off('data', giveUp);
        const at = queue.indexOf(take);
        if (at >= 0) queue.splice(at, 1);
        if (queue.length === 0 && this.#waiting.get(cage) === queue) this.#waiting.delete(cage);
      };
      const take = (offer: Offer): void => {
        stop();
        offer.take();
        resolve(offer);
      };
      const giveUp = (): void => {
        stop();
        reject(new CodedError('gate_no_cage', { cage }));
      };
      const timer = setTimeout(giveUp, this.#limits.offerWaitMs);
      controller.once('close', giveUp).once('end', giveUp).once('data', giveUp);
      queue.push(take);
    });
  }
}
