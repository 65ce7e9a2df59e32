import { Chance } from './chance.ts';

/** What can be broken. The suffix says what is done to it; `faults.ts` does it. */
export const FAULTS = [
  'orchestrator_killed',
  'orchestrators_all_killed',
  'orchestrator_slept',
  'redis_killed',
  'redis_flushed',
  'redis_old_log',
  'database_killed',
  'engine_restarted',
  'engine_killed_live',
  'gate_killed',
  'gate_paused',
  'warden_killed',
  'warden_stopped',
  'meter_killed',
  'meter_stopped',
  'agent_killed',
  'container_removed',
  'container_paused',
  'network_cut',
  'network_silent',
  'home_full',
  'clock_forward',
  'clock_back',
] as const;
export type Fault = (typeof FAULTS)[number];

/** One step of a plan. */
export interface Strike {
  /** Since the load began. */
  readonly atMs: number;
  readonly fault: Fault;
  /** Which orchestrator, or which of the cages that run then: whoever strikes takes it modulo their number. */
  readonly target: number;
  readonly lastsMs: number;
}

export interface PlanOptions {
  readonly lengthMs: number;
  /** SIGKILLs of orchestrators: so many exactly. */
  readonly kills: number;
  /** Others, drawn by their weights. */
  readonly others: number;
  /** Left out where this machine cannot do them. */
  readonly without?: readonly Fault[];
}

/** How often each is drawn, and how long it lasts. What lasts longer than a second may meet the next. */
const DRAWN: Readonly<
  Partial<Record<Fault, { readonly weight: number; readonly lastsMs: [number, number] }>>
> = {
  orchestrator_slept: { weight: 3, lastsMs: [4_000, 9_000] },
  redis_killed: { weight: 2, lastsMs: [500, 5_000] },
  redis_flushed: { weight: 1, lastsMs: [0, 0] },
  redis_old_log: { weight: 1, lastsMs: [500, 2_000] },
  database_killed: { weight: 2, lastsMs: [500, 6_000] },
  engine_restarted: { weight: 1, lastsMs: [500, 3_000] },
  engine_killed_live: { weight: 1, lastsMs: [500, 3_000] },
  gate_killed: { weight: 2, lastsMs: [0, 0] },
  gate_paused: { weight: 1, lastsMs: [2_000, 8_000] },
  warden_killed: { weight: 1, lastsMs: [0, 0] },
  warden_stopped: { weight: 1, lastsMs: [0, 0] },
  meter_killed: { weight: 1, lastsMs: [0, 0] },
  meter_stopped: { weight: 1, lastsMs: [0, 0] },
  agent_killed: { weight: 1, lastsMs: [0, 0] },
  container_removed: { weight: 2, lastsMs: [0, 0] },
  container_paused: { weight: 1, lastsMs: [0, 0] },
  network_cut: { weight: 1, lastsMs: [500, 5_000] },
  network_silent: { weight: 1, lastsMs: [500, 5_000] },
  home_full: { weight: 1, lastsMs: [2_000, 6_000] },
  clock_forward: { weight: 1, lastsMs: [3_000, 10_000] },
  clock_back: { weight: 1, lastsMs: [3_000, 10_000] },
};
/** A kill in so many is of all orchestrators at once. */
const ALL_OF = 4;
const DOWN_MS: [number, number] = [0, 3_000];

/** The plan of a seed: the same for the same options. In order of time; kills are spread evenly, each a little off its place. */
export function planFor(seed: number, { lengthMs, kills, others, without = [] }: PlanOptions): Strike[] {
  const chance = new Chance(seed);
  const place = (at: number, of: number) => Math.round(((at + 0.25 + chance.next() * 0.5) / of) * lengthMs);
  const strikes: Strike[] = [];
  for (let at = 0; at < kills; at++) {
    const fault = chance.whole(1, ALL_OF) === 1 ? 'orchestrators_all_killed' : 'orchestrator_killed';
    strikes.push({
      atMs: place(at, kills),
      fault,
      target: chance.whole(0, 999),
      lastsMs: chance.whole(...DOWN_MS),
    });
  }
  const drawn = Object.entries(DRAWN).filter(([fault]) => !without.includes(fault as Fault));
  const weights = Object.fromEntries(drawn.map(([fault, { weight }]) => [fault, weight])) as Record<
    Fault,
    number
  >;
  for (let at = 0; at < others && drawn.length > 0; at++) {
    const fault = chance.weighted<Fault>(weights);
    const { lastsMs } = DRAWN[fault]!;
    strikes.push({
      atMs: place(at, others),
      fault,
      target: chance.whole(0, 999),
      lastsMs: chance.whole(...lastsMs),
    });
  }
  return strikes.toSorted((a, b) => a.atMs - b.atMs);
}
