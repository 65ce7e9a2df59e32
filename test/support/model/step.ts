import type { TaskState } from '#task/state.ts';
import type { Holder } from './rules.ts';
import { NO_CAGE, type Cage, type Orchestrator, type World } from './world.ts';

export interface Step {
  readonly what: string;
  /** A fault, or the world's will: it may happen, and nobody can rely on it. */
  readonly isFault?: boolean;
  readonly next: World;
  /** A write to the task that was accepted, for the invariants. */
  readonly wrote?: { readonly by: Holder; readonly to: TaskState };
}

export function withCage(world: World, epoch: number, change: Partial<Cage>): World {
  const cages = [...world.cages];
  while (cages.length < epoch) cages.push(NO_CAGE);
  cages[epoch - 1] = { ...cages[epoch - 1]!, ...change };
  return { ...world, cages };
}

export function withOrchestrator(world: World, at: number, change: Partial<Orchestrator>): World {
  return {
    ...world,
    orchestrators: world.orchestrators.map((one, index) => (index === at ? { ...one, ...change } : one)),
  };
}

export const withoutJob = (world: World, epoch: number): World => ({
  ...world,
  jobs: world.jobs.filter((job) => job !== epoch),
});
