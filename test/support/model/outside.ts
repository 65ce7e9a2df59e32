import { isFinal } from '#task/state.ts';
import { withCage, withOrchestrator, type Step } from './step.ts';
import type { Faults, World } from './world.ts';

/** What agents do, and a reaper with containers that have no row. */
export function agentSteps(world: World): Step[] {
  return world.cages.flatMap((cage, at) => {
    const steps: Step[] = [];
    if (cage.isUp && cage.work === 'working')
      for (const work of ['succeeded', 'failed'] as const)
        steps.push({ what: `the agent of ${at + 1} has ${work}`, next: withCage(world, at + 1, { work }) });
    if (cage.isUp && cage.row === null)
      steps.push({ what: `the reaper ends ${at + 1}`, next: withCage(world, at + 1, { isUp: false }) });
    return steps;
  });
}

/** One that sleeps while its lease lasts is one that takes no step just now: here it sleeps past it. */
export function faultSteps(world: World): Step[] {
  const steps: Step[] = [];
  const fault = (kind: keyof Faults, what: string, next: World): void => {
    if (world.faults[kind] > 0)
      steps.push({
        what,
        isFault: true,
        next: { ...next, faults: { ...world.faults, [kind]: world.faults[kind] - 1 } },
      });
  };
  world.orchestrators.forEach((one, at) => {
    const down = { ...one, life: 'down', launch: null, run: null, mend: null } as const;
    const othersLive = world.orchestrators.some((other) => other !== one && other.life !== 'down');
    if (one.life !== 'down' && othersLive) {
      fault('crash', `${one.name} is killed`, withOrchestrator(world, at, down));
      if (one.life === 'up')
        fault('leave', `${one.name} leaves`, {
          ...withOrchestrator(world, at, down),
          live: world.live.filter((name) => name !== one.name),
        });
    }
    if (one.life === 'up' && (one.launch ?? one.run ?? one.mend) !== null)
      fault('sleep', `${one.name} sleeps`, withOrchestrator(world, at, { life: 'asleep' }));
    const isAlone = world.orchestrators.every(({ life }) => life !== 'up');
    if (one.life === 'asleep' && (isAlone || !world.live.includes(one.name)))
      steps.push({ what: `${one.name} wakes`, next: withOrchestrator(world, at, { life: 'up' }) });
  });
  if (!isFinal(world.task.state) && !world.task.cancel)
    fault('cancel', 'it is to be cancelled', { ...world, task: { ...world.task, cancel: true } });
  if (world.jobs.length > 0) fault('loseJob', 'Redis loses the jobs', { ...world, jobs: [] });
  world.cages.forEach((cage, at) => {
    if (cage.isUp)
      fault('loseCage', `the container of ${at + 1} dies`, withCage(world, at + 1, { isUp: false }));
  });
  return steps;
}
