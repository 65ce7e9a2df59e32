import { isFinal } from '#task/state.ts';
import type { Fault } from '../plan.ts';
import type { Asked, Breach, Facts, Step, Struck, Told } from './facts.ts';

/** What ends an attempt whatever the Claw's policy: the fault is one of the cage's inside, and the agent may have done it itself. */
const INSIDE: readonly Fault[] = [
  'meter_killed',
  'meter_stopped',
  'agent_killed',
  'warden_killed',
  'warden_stopped',
];
const CLOCK: readonly Fault[] = ['clock_forward', 'clock_back'];
/** How long after a fault its consequences may still appear: longer than a lease, a missed pulse and a start take with the times of a run. */
const AFTERMATH_MS = 60_000;

/** Each task has exactly one end, everybody is told the same, and what succeeded is right. */
export function checkFinals({ asked, steps, struck, lives, given, resultMs }: Facts): Breach[] {
  const breaches: Breach[] = [];
  const stepsOf = Map.groupBy(steps, ({ task }) => task);
  for (const one of asked) {
    const breach = (what: string) => breaches.push({ check: 'finals', of: one.name, what });
    const [id] = one.ids;
    if (id === undefined) continue;
    const own = stepsOf.get(id) ?? [];
    checkSteps(own, breach);
    const last = own.at(-1);
    const { end, again } = one;
    if (!end) {
      breach(`its client was never told an end; the row's last state is ${last?.state ?? 'unknown'}`);
      continue;
    }
    if (last && (last.state !== end.state || last.epoch !== end.epoch))
      breach(`told ${end.state} of attempt ${end.epoch}, the row ended ${last.state} of ${last.epoch}`);
    if (again && (again.state !== end.state || again.code !== end.code))
      breach(`told ${wordOf(end)} and later ${wordOf(again)}`);
    if (end.state === 'succeeded' && end.wrong !== null && !wasOver(end, struck, resultMs))
      breach(`succeeded with what is wrong: ${end.wrong}`);
    if (one.kind !== 'cancelled' && end.state === 'cancelled') breach('cancelled, and nobody did');
    if (end.state === 'timed_out') breach('timed out');
    if (end.state === 'failed') {
      const cages = new Set(given.filter(({ task }) => task === id).map(({ cage }) => cage));
      const containers = new Set(
        lives.filter(({ cage }) => cages.has(cage)).map(({ container }) => container),
      );
      if (!isExcused(one, end.atMs, struck, containers)) breach(`failed with ${end.code ?? 'no code'}`);
    }
  }
  return breaches;
}

function checkSteps(steps: readonly Step[], breach: (what: string) => void): void {
  const ends = steps.filter(({ state }) => isFinal(state as Parameters<typeof isFinal>[0]));
  if (ends.length > 1) breach(`ended ${ends.length} times: ${ends.map(({ state }) => state).join(', ')}`);
  if (ends.length > 0 && steps.at(-1) !== ends[0])
    breach(`moved on after its end, to ${steps.at(-1)!.state}`);
  for (const [at, step] of steps.entries())
    if (at > 0 && step.epoch < steps[at - 1]!.epoch) breach(`went back to attempt ${step.epoch}`);
}

/** A task that may not be begun anew may fail by any fault of its time; one that may, only by a fault inside of its own cage. */
function isExcused(
  { idempotent, acceptedMs = 0 }: Asked,
  endedMs: number,
  struck: readonly Struck[],
  containers: ReadonlySet<string>,
): boolean {
  return struck.some(({ fault, container, beganMs, endedMs: overMs }) => {
    if (beganMs > endedMs || overMs + AFTERMATH_MS < acceptedMs) return false;
    const isOwn = container !== undefined && containers.has(container);
    return idempotent ? INSIDE.includes(fault) && isOwn : container === undefined || isOwn;
  });
}

/** The time of a result runs from when it was fetched, by the wall clock of who handed it out: it may be over before its client has all of it. */
function wasOver({ atMs, goneAfterMs }: Told, struck: readonly Struck[], resultMs: number): boolean {
  if (goneAfterMs === undefined) return false;
  const isSet = struck.some(
    ({ fault, beganMs, endedMs }) =>
      CLOCK.includes(fault) && beganMs <= atMs && endedMs >= atMs - goneAfterMs,
  );
  return isSet || goneAfterMs >= resultMs;
}

const wordOf = ({ state, code }: { state: string; code?: string }) =>
  code === undefined ? state : `${state} (${code})`;
