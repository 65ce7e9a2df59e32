import { isFinal } from '#task/state.ts';
import { RULES, type Rules } from './rules.ts';
import type { Step } from './step.ts';
import { stepsOf } from './steps.ts';
import { begin, keyOf, type Faults, type World } from './world.ts';

export interface Found {
  readonly states: number;
  readonly steps: number;
  /** What was found wrong first, with the way that leads there. */
  readonly wrong?: { readonly what: string; readonly way: readonly string[] };
}

interface Node {
  readonly world: World;
  readonly from: number;
  readonly by: string;
  readonly leadsTo: number[];
}

/**
 * Every interleaving of what two orchestrators may do with one task, with so many faults at most. Breadth first: what is found wrong is found on one of the
 * shortest ways. Ends as soon as something is wrong.
 */
export function explore(faults: Partial<Faults>, rules: Rules = RULES, mostStates = 500_000): Found {
  const nodes: Node[] = [{ world: begin(faults), from: -1, by: 'accepted', leadsTo: [] }];
  const known = new Map<string, number>([[keyOf(nodes[0]!.world), 0]]);
  let steps = 0;
  for (let at = 0; at < nodes.length; at++) {
    const { world, leadsTo } = nodes[at]!;
    if (nodes.length > mostStates)
      return { states: nodes.length, steps, wrong: { what: 'there is no end of it', way: [] } };
    for (const step of stepsOf(world, rules)) {
      steps++;
      const wrong = wrongIn(world, step);
      if (wrong)
        return { states: nodes.length, steps, wrong: { what: wrong, way: [...wayTo(nodes, at), step.what] } };
      const key = keyOf(step.next);
      let to = known.get(key);
      if (to === undefined) {
        to = nodes.length;
        known.set(key, to);
        nodes.push({ world: step.next, from: at, by: step.what, leadsTo: [] });
      }
      // Nothing good may depend on a fault.
      if (step.isFault !== true) leadsTo.push(to);
    }
  }
  const stuck = cannotEnd(nodes);
  return {
    states: nodes.length,
    steps,
    ...(stuck !== undefined && {
      wrong: { what: 'it cannot come to its end any more', way: wayTo(nodes, stuck) },
    }),
  };
}

function wrongIn({ task: before }: World, { next, wrote }: Step): string | undefined {
  const { task, cages } = next;
  const working = cages.flatMap((cage, at) => (cage.isUp && cage.work === 'working' ? [at + 1] : []));
  if (working.length > 1) return 'two attempts at once';
  if (working.length > 0 && !isFinal(task.state) && (task.state === 'queued' || working[0] !== task.epoch))
    return 'an attempt acts that was given up';
  if (isFinal(before.state) && before.state !== task.state) return 'a final state changed';
  if (wrote && isFinal(before.state)) return 'an end was written twice';
  if (wrote && wrote.by !== before.holder) return 'a write counts that is not the holder’s';
  const cage = cages[task.epoch - 1];
  if (wrote?.to === 'starting' && task.epoch <= before.epoch) return 'an attempt has the number of another';
  if (task.state === 'succeeded' && cage?.hasBegun !== true) return 'an answer from nowhere';
  return wrote?.to === 'queued' && cage?.mayHaveActed === true
    ? 'what may have acted is done again'
    : undefined;
}

/** One of the worlds from which none can be reached where the task has ended and no container is left; by what must happen, not by faults. */
function cannotEnd(nodes: readonly Node[]): number | undefined {
  const comesFrom: number[][] = nodes.map(() => []);
  nodes.forEach(({ leadsTo }, at) => leadsTo.forEach((to) => comesFrom[to]!.push(at)));
  const good = nodes.map(
    ({ world }) => isFinal(world.task.state) && world.cages.every(({ isUp, row }) => !isUp && row === null),
  );
  const open = good.flatMap((is, at) => (is ? [at] : []));
  for (let at = open.pop(); at !== undefined; at = open.pop())
    for (const before of comesFrom[at]!)
      if (!good[before]) {
        good[before] = true;
        open.push(before);
      }
  const stuck = good.indexOf(false);
  return stuck < 0 ? undefined : stuck;
}

function wayTo(nodes: readonly Node[], at: number): string[] {
  const way: string[] = [];
  for (let here = at; here > 0; here = nodes[here]!.from) way.unshift(nodes[here]!.by);
  return way;
}
