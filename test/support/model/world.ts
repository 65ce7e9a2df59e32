import type { TaskState } from '#task/state.ts';
import type { Holder } from './rules.ts';

/** A launch: what it has done last. `end` and what follows is the way of an attempt that failed. */
export type LaunchStep =
  | 'seen'
  | 'claimed'
  | 'inserted'
  | 'mayMake'
  | 'unknown'
  | 'made'
  | 'linked'
  | 'mayStart'
  | 'assigned'
  | 'checked';

export interface Launch {
  readonly at: LaunchStep;
  readonly epoch: number;
}

/** An attempt that is listened to, over a link of this epoch. */
export interface Run {
  readonly epoch: number;
  readonly link: number;
  readonly toldToStop: boolean;
}

/** Taking over, and the way of whatever has failed to the queue or to its end. */
export interface Mend {
  readonly at: 'adopted' | 'dial' | 'end' | 'destroy' | 'forget' | 'move' | 'enqueue';
  readonly epoch: number;
  /** What is to become of the task once its cage is gone; null: only the cage is ended. */
  readonly to: 'queued' | 'failed' | 'cancelled' | null;
}

export interface Orchestrator {
  readonly life: 'up' | 'asleep' | 'down';
  readonly name: string;
  readonly launch: Launch | null;
  readonly run: Run | null;
  readonly mend: Mend | null;
}

export interface Cage {
  readonly row: {
    readonly state: 'creating' | 'assigned' | 'ending';
    readonly holder: Holder;
    readonly epoch: number;
  } | null;
  readonly isUp: boolean;
  /** The newest epoch that the warden was shown. */
  readonly obeys: number;
  /** `working`: the agent may act. */
  readonly work: 'none' | 'working' | 'succeeded' | 'failed' | 'cancelled';
  readonly hasBegun: boolean;
  /** It began, and nobody has found yet that it may be done again. */
  readonly mayHaveActed: boolean;
}

/** One task, its cages by epoch, two orchestrators, the queue, and the faults that may still come. */
export interface World {
  readonly task: {
    readonly state: TaskState;
    readonly epoch: number;
    readonly holder: Holder;
    readonly cancel: boolean;
  };
  readonly cages: readonly Cage[];
  readonly orchestrators: readonly Orchestrator[];
  readonly live: readonly string[];
  readonly jobs: readonly number[];
  readonly faults: Faults;
}

export interface Faults {
  readonly crash: number;
  readonly leave: number;
  readonly sleep: number;
  readonly cancel: number;
  readonly loseJob: number;
  readonly loseAnswer: number;
  readonly loseCage: number;
  readonly silence: number;
}

const NO_FAULTS: Faults = {
  crash: 0,
  leave: 0,
  sleep: 0,
  cancel: 0,
  loseJob: 0,
  loseAnswer: 0,
  loseCage: 0,
  silence: 0,
};

/** Attempts that the Claw's policy allows. */
export const ATTEMPTS = 2;

/** The lease's next name after one was lost. */
export const nextName = (name: string): string => `${name[0]}${Number(name.slice(1)) + 1}`;

const idle = (name: string): Orchestrator => ({ life: 'up', name, launch: null, run: null, mend: null });

/** An accepted task, its job in the queue. */
export function begin(faults: Partial<Faults>): World {
  return {
    task: { state: 'queued', epoch: 0, holder: null, cancel: false },
    cages: [],
    orchestrators: [idle('a1'), idle('b1')],
    live: ['a1', 'b1'],
    jobs: [0],
    faults: { ...NO_FAULTS, ...faults },
  };
}

export const NO_CAGE: Cage = {
  row: null,
  isUp: false,
  obeys: 0,
  work: 'none',
  hasBegun: false,
  mayHaveActed: false,
};

/** The cage of the attempt. */
export const cageOf = (world: World, epoch: number): Cage => world.cages[epoch - 1] ?? NO_CAGE;

/** The same for the same world, whichever of the two orchestrators is which. */
export function keyOf({ task, cages, orchestrators, live, jobs, faults }: World): string {
  const [one, other] = orchestrators as [Orchestrator, Orchestrator];
  const rest = `${task.state}${task.epoch}${task.cancel}|${jobs.join()}|${Object.values(faults).join('')}`;
  const say = (first: Orchestrator, second: Orchestrator, rename: (name: Holder) => Holder): string =>
    [
      rename(task.holder),
      ...cages.map((cage) => cageKey(cage, rename)),
      orchestratorKey(first, rename),
      orchestratorKey(second, rename),
      live.map(rename).toSorted().join(),
    ].join('|');
  const straight = say(one, other, (name) => name);
  const crossed = say(other, one, (name) => name && (name[0] === 'a' ? 'b' : 'a') + name.slice(1));
  return rest + (straight < crossed ? straight : crossed);
}

const cageKey = (
  { row, isUp, obeys, work, hasBegun, mayHaveActed }: Cage,
  rename: (name: Holder) => Holder,
): string =>
  `${row ? `${row.state}${rename(row.holder)}${row.epoch}` : ''}/${isUp}${obeys}${work}${hasBegun}${mayHaveActed}`;

function orchestratorKey(
  { life, name, launch, run, mend }: Orchestrator,
  rename: (name: Holder) => Holder,
): string {
  const launching = launch && `${launch.at}${launch.epoch}`;
  const running = run && `${run.epoch}${run.link}${run.toldToStop}`;
  const mending = mend && `${mend.at}${mend.epoch}${mend.to}`;
  return `${life}${rename(name)}/${launching}/${running}/${mending}`;
}
