import type { Caps } from './caps.ts';

/** A shared level with caps, as a call meets it. */
export interface SharedLevel extends Caps {
  readonly id: string;
}

interface Place {
  readonly level: string;
  pass: number;
  /** Counts up: at equal pass who came first goes first. */
  entry: number;
  /** Void from then on. */
  until: number;
  readonly leaseMs: number;
}

/** A Claw holds others up only as long as it renews its place: three times as often as a call its place in the line. */
const LEASES_OF_A_PLACE = 3;

/**
 * Whose turn it is at the levels that Claws share, by looking at everybody. A Claw stands at one level at most, for the head of its line.
 * Start-time fair queueing, with the share of the cap over the Claw's weight as the cost of a call.
 */
export class TurnsModel {
  readonly #places = new Map<string, Place>();
  readonly #passes = new Map<string, number>();
  readonly #virtual = new Map<string, number>();
  #entries = 0;

  /** Who waits there has to be served before a call of this Claw. One that does not stand there yet would enter behind all others of its pass. */
  isBlocked(level: string, claw: string, now: number): boolean {
    const mine = this.#placeAt(level, claw, now);
    const pass = this.passOf(level, claw, now);
    return [...this.#places]
      .filter(([other, place]) => other !== claw && place.level === level && place.until > now)
      .some(([, other]) => other.pass < pass || (other.pass === pass && (!mine || other.entry < mine.entry)));
  }

  passOf(level: string, claw: string, now: number): number {
    const place = this.#placeAt(level, claw, now);
    return place?.pass ?? Math.max(this.#passes.get(`${level} ${claw}`) ?? 0, this.#virtual.get(level) ?? 0);
  }

  /** `lineLeaseMs`: for how long its head keeps its place in the line. */
  stand(level: string, claw: string, now: number, lineLeaseMs: number): void {
    const leaseMs = Math.ceil(lineLeaseMs / LEASES_OF_A_PLACE);
    const entry = this.#placeAt(level, claw, now)?.entry ?? ++this.#entries;
    const pass = this.passOf(level, claw, now);
    this.#places.set(claw, { level, pass, entry, until: now + leaseMs, leaseMs });
  }

  leave(claw: string): void {
    this.#places.delete(claw);
  }

  /** A call was granted at all these levels. Who else of the Claw is next has its place, if it stood at one of them. */
  granted(
    levels: readonly SharedLevel[],
    claw: string,
    asked: { requests: number; tokens: number; weight: number },
    now: number,
  ): void {
    const passes = levels.map(({ id }) => this.passOf(id, claw, now));
    const place = this.#places.get(claw);
    for (const [index, level] of levels.entries()) {
      const pass = passes[index] as number;
      const share = Math.max(
        shareOf(asked.requests, level.requestsPerMinute),
        shareOf(asked.tokens, level.tokensPerMinute),
      );
      const next = pass + share / asked.weight;
      this.#virtual.set(level.id, Math.max(this.#virtual.get(level.id) ?? 0, pass));
      this.#passes.set(`${level.id} ${claw}`, next);
      if (place?.level === level.id) Object.assign(place, { pass: next, entry: ++this.#entries });
    }
    if (place && !levels.some(({ id }) => id === place.level)) this.leave(claw);
  }

  /** The head of the Claw's line has gone: who is next, with a lease until that moment, has its place. */
  handOn(claw: string, leaseUntil: number | undefined, now: number): void {
    const place = this.#standing(claw, now);
    if (!place || leaseUntil === undefined) this.leave(claw);
    else place.until = Math.min(leaseUntil, now + place.leaseMs);
  }

  /** Claws that stand at the level. */
  waiting = (level: string, now: number): number =>
    [...this.#places.values()].filter((place) => place.level === level && place.until > now).length;

  #placeAt(level: string, claw: string, now: number): Place | undefined {
    const place = this.#standing(claw, now);
    return place?.level === level ? place : undefined;
  }

  #standing(claw: string, now: number): Place | undefined {
    const place = this.#places.get(claw);
    return place && place.until > now ? place : undefined;
  }
}

const shareOf = (asked: number, cap: number | undefined): number => (cap === undefined ? 0 : asked / cap);
