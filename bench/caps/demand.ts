import { Chance } from '../../test/chaos/chance.ts';

// What the Claws ask for, by a seed: the same demand before every limiter, in cages and out of them.

/**
 * `steady`: so many calls under way all the time, all of one size. `edges`: nothing for most of a window, then twice what a cap allows around the moment at which the clock
 * begins a new one. `mixed`: big and small, with pauses; some are left by the agent, some are cut off, some are streams.
 */
export type Habit = 'steady' | 'edges' | 'mixed';

/** How a call is to end: with its answer, as a stream, left by the agent in its middle, cut off by the provider. */
export type Fate = 'whole' | 'stream' | 'left' | 'cut';

export interface Wish {
  /** Of output. */
  readonly tokens: number;
  readonly fate: Fate;
}

export interface Demand {
  readonly seed: number;
  readonly habit: Habit;
  /** Calls under way at once; of `edges` the calls of one burst. */
  readonly atOnce: number;
  /** Tokens of an ordinary call; big ones have up to twelve times as many. */
  readonly tokens: number;
  readonly windowMs: number;
  /** By `Date.now()`. */
  readonly untilMs: number;
}

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

/** Asks until its time is over; `call` settles when a call has ended, in whatever way. */
export async function ask(demand: Demand, call: (wish: Wish) => Promise<void>): Promise<void> {
  if (demand.habit === 'edges') return burst(demand, call);
  const { seed, habit, atOnce, untilMs } = demand;
  const one = async (place: number): Promise<void> => {
    const chance = new Chance(seed * 1_000 + place);
    while (Date.now() < untilMs) {
      await call(habit === 'steady' ? { tokens: demand.tokens, fate: 'whole' } : drawn(demand, chance));
      if (habit === 'mixed' && chance.next() < 0.2) await later(chance.next() * demand.windowMs * 0.02);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, place) => one(place)));
}

/** One burst ends before the clock's window, the next begins with the new one. */
async function burst(
  { atOnce, tokens, windowMs, untilMs }: Demand,
  call: (wish: Wish) => Promise<void>,
): Promise<void> {
  const bang = (): Promise<unknown> =>
    Promise.all(Array.from({ length: atOnce }, () => call({ tokens, fate: 'whole' })));
  const under: Promise<unknown>[] = [];
  for (;;) {
    const edge = Math.ceil((Date.now() + windowMs * 0.05) / windowMs) * windowMs;
    if (edge > untilMs) break;
    await later(edge - windowMs * 0.05 - Date.now());
    under.push(bang());
    await later(edge + windowMs * 0.01 - Date.now());
    under.push(bang());
    await Promise.all(under.splice(0));
  }
}

function drawn({ tokens }: Demand, chance: Chance): Wish {
  const fate = chance.weighted<Fate>({ whole: 5, stream: 2, left: 2, cut: 1 });
  const big = chance.next() < 0.15;
  return { tokens: chance.whole(1, big ? tokens * 12 : tokens), fate };
}
