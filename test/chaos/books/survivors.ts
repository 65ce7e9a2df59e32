import { isFinal } from '#task/state.ts';
import type { Fault } from '../plan.ts';
import type { Breach, Facts, Step } from './facts.ts';

const KILLS: readonly Fault[] = ['orchestrator_killed', 'orchestrators_all_killed'];
/** What may end any attempt by itself: its container with the engine, or its way to the provider. What strikes a container strikes that one only. */
const ENDS_ANY: readonly Fault[] = [
  'engine_restarted',
  'gate_killed',
  'gate_paused',
  'network_cut',
  'network_silent',
  'home_full',
];

export interface Survivors {
  /** Attempts that ran at a kill of an orchestrator, counted once for each kill. */
  readonly running: number;
  /** Those of them that met no other fault before their end. */
  readonly undisturbed: number;
  /** Those of these that ended under the same epoch. */
  readonly survived: number;
  readonly breaches: readonly Breach[];
}

/** What ran when an orchestrator was killed, and met nothing that ends a container or its calls, ended as the attempt that it was, and did not fail. */
export function survivorsOf({ asked, steps, struck, given, lives }: Facts): Survivors {
  const stepsOf = Map.groupBy(steps, ({ task }) => task);
  const nameOf = new Map(asked.flatMap(({ name, ids }) => ids.map((id) => [id, name])));
  const others = struck.filter(({ fault, container }) => container !== undefined || ENDS_ANY.includes(fault));
  let running = 0;
  let undisturbed = 0;
  const breaches: Breach[] = [];
  for (const { beganMs } of struck.filter(({ fault }) => KILLS.includes(fault))) {
    for (const [task, own] of stepsOf) {
      const at = own.findLastIndex(({ atMs }) => atMs <= beganMs);
      const then = own[at];
      if (then?.state !== 'running' || !hadContainer(task, then, beganMs)) continue;
      running++;
      const rest = own.slice(at + 1);
      const end = rest.find(({ state, epoch }) => epoch !== then.epoch || isEnd(state));
      const untilMs = end?.atMs ?? Infinity;
      const containers = containersOf(task, then);
      const isDisturbed = others.some(
        ({ beganMs: fromMs, endedMs, container }) =>
          fromMs <= untilMs && (container === undefined ? endedMs >= then.atMs : containers.has(container)),
      );
      if (isDisturbed) continue;
      undisturbed++;
      if (
        end !== undefined &&
        end.epoch === then.epoch &&
        end.state !== 'failed' &&
        end.state !== 'timed_out'
      )
        continue;
      const what = `ran as attempt ${then.epoch} when an orchestrator was killed, met nothing else, and then: ${end?.state ?? 'nothing'} of ${end?.epoch ?? '-'}`;
      breaches.push({ check: 'survivors', of: nameOf.get(task) ?? task, what });
    }
  }
  return { running, undisturbed, survived: undisturbed - breaches.length, breaches };

  function containersOf(task: string, { epoch }: Step): Set<string> {
    const cages = given.filter((one) => one.task === task && one.epoch === epoch).map(({ cage }) => cage);
    return new Set(lives.filter(({ cage }) => cages.includes(cage)).map(({ container }) => container));
  }

  function hadContainer(task: string, { epoch }: Step, atMs: number): boolean {
    const cages = given.filter((one) => one.task === task && one.epoch === epoch).map(({ cage }) => cage);
    return lives.some(
      ({ cage, createdMs, goneMs = Infinity }) => cages.includes(cage) && createdMs <= atMs && atMs < goneMs,
    );
  }
}

const isEnd = (state: string) => isFinal(state as Parameters<typeof isFinal>[0]);
