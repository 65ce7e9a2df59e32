import type { Breach, Facts, Life } from './facts.ts';

/** Clocks of the same machine, read by several processes; and what was sent before a process was killed and is on its way. */
const ON_THE_WAY_MS = 1_000;

interface Attempt extends Life {
  readonly epoch: number;
}

/** Of each task the containers that it was given, with the attempt, by time. */
function attemptsOf({ lives, given }: Pick<Facts, 'lives' | 'given'>): Map<string, Attempt[]> {
  const lifeOf = new Map(lives.map((life) => [life.cage, life]));
  const attempts = new Map<string, Attempt[]>();
  for (const { cage, task, epoch } of given) {
    const life = lifeOf.get(cage);
    if (!life) continue;
    const own = attempts.get(task) ?? [];
    if (!own.some((attempt) => attempt.cage === cage && attempt.epoch === epoch))
      own.push({ ...life, epoch });
    attempts.set(task, own);
  }
  for (const own of attempts.values()) own.sort((a, b) => a.epoch - b.epoch);
  return attempts;
}

/** No two attempts of a task at once: the next one's container was given to it only after the one before was gone. */
export function checkAttempts({ lives, given }: Pick<Facts, 'lives' | 'given'>): Breach[] {
  const givenAt = new Map(given.map(({ cage, task, epoch, atMs }) => [`${cage} ${task} ${epoch}`, atMs]));
  return [...attemptsOf({ lives, given })].flatMap(([task, attempts]) =>
    attempts.flatMap((attempt, at): Breach[] => {
      const before = attempts[at - 1];
      if (!before) return [];
      const beganMs = givenAt.get(`${attempt.cage} ${task} ${attempt.epoch}`)!;
      if (
        before.cage !== attempt.cage &&
        before.goneMs !== undefined &&
        before.goneMs <= beganMs + ON_THE_WAY_MS
      )
        return [];
      const what = `attempt ${attempt.epoch} began in ${attempt.container} while attempt ${before.epoch} was in ${before.container}`;
      return [{ check: 'attempts', of: task, what }];
    }),
  );
}

/** Each call came from a container of its task that was there, and from no earlier attempt once a later one had begun. */
export function checkCalls({ asked, lives, given, calls }: Facts): Breach[] {
  const attempts = attemptsOf({ lives, given });
  const idOf = new Map(asked.map(({ name, ids }) => [name, ids[0]]));
  return calls.flatMap(({ name, container, arrivedMs }): Breach[] => {
    const own = attempts.get(idOf.get(name) ?? '') ?? [];
    const from = container === undefined ? own : own.filter((attempt) => attempt.container === container);
    const present = from.some(
      ({ createdMs, goneMs = Infinity }) =>
        createdMs <= arrivedMs + ON_THE_WAY_MS && arrivedMs <= goneMs + ON_THE_WAY_MS,
    );
    if (present) return [];
    const what = `a call at ${new Date(arrivedMs).toISOString()} from ${container ?? 'no container that is known'}, which had no attempt of it then`;
    return [{ check: 'calls', of: name, what }];
  });
}
