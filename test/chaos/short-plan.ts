import { Chance } from './chance.ts';
import type { Fault, Strike } from './plan.ts';

/** Each fault of the short form once, the gravest twice: when, and for how long. Whom each strikes is the seed's to say. */
const SCHEDULE: readonly [atMs: number, fault: Fault, lastsMs: number][] = [
  [4_000, 'orchestrator_killed', 1_500],
  [9_000, 'orchestrator_slept', 5_000],
  [15_000, 'gate_killed', 0],
  [18_000, 'container_removed', 0],
  [20_000, 'redis_killed', 1_000],
  [24_000, 'meter_killed', 0],
  [26_000, 'clock_forward', 5_000],
  [28_000, 'database_killed', 1_500],
  [32_000, 'agent_killed', 0],
  [34_000, 'orchestrators_all_killed', 500],
  [41_000, 'warden_killed', 0],
  [43_000, 'redis_flushed', 0],
  [45_000, 'clock_back', 5_000],
  [47_000, 'orchestrator_killed', 0],
  [49_000, 'network_cut', 1_500],
  [52_000, 'meter_stopped', 0],
];

export const SHORT_MS = 56_000;

export function shortPlan(seed: number): Strike[] {
  const chance = new Chance(seed);
  return SCHEDULE.map(([atMs, fault, lastsMs]) => ({ atMs, fault, lastsMs, target: chance.whole(0, 999) }));
}
