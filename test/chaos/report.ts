import type { Outcome } from './run.ts';

/** The figures of a run. */
export interface Figures {
  readonly seed: number;
  readonly minutes: number;
  readonly accepted: number;
  readonly ended: Readonly<Record<string, number>>;
  /** By code. */
  readonly failures: Readonly<Record<string, number>>;
  readonly attempts: number;
  readonly calls: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly kills: number;
  readonly runningAtKills: number;
  readonly undisturbed: number;
  readonly survived: number;
  readonly lost: number;
  readonly doubled: number;
  readonly orphans: number;
  readonly breaches: number;
}

export function figuresOf({ seed, tookMs, facts, survivors, breaches }: Outcome): Figures {
  const { asked, struck, steps, calls, left } = facts;
  const accepted = asked.filter(({ ids }) => ids.length > 0);
  const count = (check: string) => breaches.filter((breach) => breach.check === check).length;
  return {
    seed,
    minutes: Math.round(tookMs / 6_000) / 10,
    accepted: accepted.length,
    ended: tally(accepted.map(({ end }) => end?.state ?? 'never')),
    failures: tally(accepted.flatMap(({ end }) => (end?.code === undefined ? [] : [end.code]))),
    attempts: new Set(steps.filter(({ epoch }) => epoch > 0).map(({ task, epoch }) => `${task} ${epoch}`))
      .size,
    calls: calls.length,
    faults: tally(struck.map(({ fault }) => fault)),
    kills: struck.filter(
      ({ fault }) => fault === 'orchestrator_killed' || fault === 'orchestrators_all_killed',
    ).length,
    runningAtKills: survivors.running,
    undisturbed: survivors.undisturbed,
    survived: survivors.survived,
    lost: accepted.filter(({ end }) => !end).length + count('accepted'),
    doubled: count('attempts') + count('calls'),
    orphans: Object.values(left).flat().length,
    breaches: breaches.length,
  };
}

/** The figures and each breach, for people. */
export function reportOf(outcome: Outcome): string {
  const rows = Object.entries(figuresOf(outcome)).map(
    ([name, value]) => `  ${name.padEnd(16)} ${typeof value === 'object' ? listed(value) : value}`,
  );
  const breaches = outcome.breaches.map(({ check, of, what }) => `  ${check}: ${of}: ${what}`);
  return [...rows, ...(breaches.length > 0 ? ['breaches', ...breaches] : ['no breach'])].join('\n');
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

const listed = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
