import type { ClientRequest } from 'node:http';
import { cageClock } from '../cage-clock.ts';

/** So much is taken by the kernel at once: when it is written it has gone out. */
const AT_ONCE_BYTES = 64 * 1024;
/** What was handed over may lie in buffers on the way, and leaves them no slower than this (about a megabit a second), or than it was handed over. */
const SLOWEST_BYTES_PER_MS = 128;
/** It is not worth asking for more time when less than this is left. */
const LEAST_LEFT_MS = 250;

/** The connection stood too late for the permit: nothing went out. */
export class DroppedBeforeSending extends Error {
  override readonly name = 'DroppedBeforeSending';
}

/** The permit's time was over before all of the request was out, and no more was to be had. */
export class CutWhileSending extends Error {
  override readonly name = 'CutWhileSending';
}

export interface Departure {
  /** Asked just before the first byte goes out; false drops the call. */
  readonly mayGo: () => boolean;
  /** By the cage's clock: past it no byte goes out. */
  readonly sendBefore: number;
  /** More time for a request that is on its way: the moment that stands for `sendBefore` from then on. Undefined where none is given. */
  readonly moreTime: (withinMs: number) => Promise<number | undefined>;
  /** From here on bytes may have gone out. */
  readonly onBegun: () => void;
  /** Once, before the answer is handed on or the call fails: the last moment at which the provider may have counted it, by the cage's clock. */
  readonly onSent: (atMs: number) => void;
}

/**
 * Sends a request whose connection stands, within the time of its permit, and finds the moment from which its window runs.
 *
 * A provider may count a call when its head arrives or when all of it has, and says nothing of which; the entry of the call has to cover both. From its permit on it
 * counts, so only the later of the two matters:
 * - What goes out at once has one moment, taken after it was written. A process that is stopped between the look at the clock and the write (some ten microseconds) sends
 *   late, and says so: the moment is then past the permit's time, and the limiter charges the call again.
 * - A large body goes out piece by piece, and a good part of it may lie in buffers on the way when the last piece is handed over. When the provider answers it has
 *   counted; until then the entry stands as that of a call not sent yet, which is as if it were sent at the permit's last moment. So `onSent` waits for the answer, at the
 *   longest until that moment. Where the body needs longer more time is asked for before, as long as it moves; where none is given it is cut off: later
 *   bytes would be covered by nothing.
 */
export class Sending {
  readonly #request: ClientRequest;
  readonly #departure: Departure;
  #sendBefore: number;
  #timer: NodeJS.Timeout | undefined;
  #begunAt: number | undefined;
  #handedOverAt: number | undefined;
  #body = 0;
  #written = 0;
  #writtenWhenAsked = 0;
  #isTold = false;

  constructor(request: ClientRequest, departure: Departure) {
    this.#request = request;
    this.#departure = departure;
    this.#sendBefore = departure.sendBefore;
  }

  get isBegun(): boolean {
    return this.#begunAt !== undefined;
  }

  start(body: Buffer | undefined): void {
    if (!this.#departure.mayGo() || this.#isLate) {
      this.#request.destroy(new DroppedBeforeSending());
      return;
    }
    this.#begunAt = cageClock();
    this.#departure.onBegun();
    if (body === undefined || body.length <= AT_ONCE_BYTES) {
      this.#request.end(body);
      this.over();
    } else {
      this.#piecemeal(body);
    }
  }

  /** The provider has answered, or the call has failed: nothing of it is counted later than now. */
  over(): void {
    clearTimeout(this.#timer);
    this.#tell(cageClock());
  }

  get #isLate(): boolean {
    return cageClock() >= this.#sendBefore;
  }

  #piecemeal(body: Buffer): void {
    const request = this.#request;
    this.#body = body.length;
    this.#watch();
    request.once('close', () => clearTimeout(this.#timer));
    const next = (): void => {
      while (this.#written < body.length && !request.destroyed) {
        if (this.#isLate && !this.#isTold) return this.#timeOver();
        const piece = body.subarray(this.#written, this.#written + AT_ONCE_BYTES);
        this.#written += piece.length;
        if (!request.write(piece)) return void request.once('drain', next);
      }
      request.end(() => this.#handedOver());
    };
    next();
  }

  /** More time is asked for when half of what there was has passed, and again where it was not given. */
  #watch(): void {
    const leftMs = this.#sendBefore - cageClock();
    const asksFirst = leftMs / 2 > LEAST_LEFT_MS;
    const then = asksFirst ? () => void this.#askForMore() : () => this.#timeOver();
    this.#timer = setTimeout(then, asksFirst ? leftMs / 2 : leftMs);
  }

  async #askForMore(): Promise<void> {
    if (this.#needsMore) {
      const written = this.#written;
      const until = await this.#departure.moreTime(this.#sendBefore - cageClock());
      if (until !== undefined && until > this.#sendBefore) {
        this.#sendBefore = until;
        this.#writtenWhenAsked = written;
      }
    }
    if (!this.#isTold && !this.#request.destroyed) this.#watch();
  }

  get #needsMore(): boolean {
    if (this.#handedOverAt === undefined) return this.#written > this.#writtenWhenAsked;
    const tookMs = this.#handedOverAt - (this.#begunAt ?? this.#handedOverAt);
    const onTheWayMs = Math.max(tookMs, this.#body / SLOWEST_BYTES_PER_MS);
    return this.#handedOverAt + onTheWayMs > this.#sendBefore;
  }

  /** All of it is the kernel's. A process that was stopped meanwhile may find that this was too late: then the moment is told as it is. */
  #handedOver(): void {
    this.#handedOverAt = cageClock();
    if (this.#isLate) this.over();
  }

  #timeOver(): void {
    if (this.#handedOverAt !== undefined) this.#tell(this.#sendBefore);
    else this.#request.destroy(new CutWhileSending());
  }

  #tell(atMs: number): void {
    if (this.#isTold || !this.isBegun) return;
    this.#isTold = true;
    this.#departure.onSent(atMs);
  }
}
