import { mkdirSync, writeFileSync } from 'node:fs';
import { compareBooks, type Comparison } from './books/compare.ts';
import type { Facts } from './books/facts.ts';
import { collectFacts } from './collect.ts';
import { impossibleIn, Striker } from './faults.ts';
import { Load } from './load/load.ts';
import { planFor, type Fault, type Strike } from './plan.ts';
import { World } from './world/world.ts';

export interface RunOptions {
  readonly seed: number;
  readonly lengthMs: number;
  readonly kills: number;
  readonly others: number;
  /** These at these times, in place of what the seed would draw. */
  readonly plan?: readonly Strike[];
  readonly orchestrators: number;
  readonly clients: number;
  readonly own: boolean;
  /** Shorter than the longest life of an entry: the caps are then compared between losses of the books only. */
  readonly limiterHoldMs: number;
  readonly caps: { readonly requests: number; readonly tokens: number };
  readonly cappedEveryMs: number;
  /** How long the last tasks may take: a window of their caps, a hold of the permits, their retries. */
  readonly restMs: number;
  readonly say: (line: string) => void;
}

export interface Outcome extends Comparison {
  readonly seed: number;
  readonly plan: readonly Strike[];
  readonly impossible: readonly Fault[];
  readonly missed: readonly Strike[];
  readonly facts: Facts;
  readonly tookMs: number;
}

const SETTLE_MS = 3_000;
const PROGRESS_MS = 10_000;
const LONGEST_ENTRY_MS = 91_000;
/** What the limiter's books do not outlive. */
const FORGETS: readonly Fault[] = ['redis_flushed', 'redis_old_log', 'redis_killed'];

/** One run: a world, load, faults by the plan, and all books compared. */
export async function runChaos(options: RunOptions): Promise<Outcome> {
  const { seed, lengthMs, kills, others, own, say, limiterHoldMs, caps } = options;
  const beganMs = performance.now();
  say(`seed ${seed}`);
  await using world = await World.start({ orchestrators: options.orchestrators, own, limiterHoldMs, caps });
  say(`everything is up after ${seconds(beganMs)}`);
  const impossible = impossibleIn(world);
  if (impossible.length > 0) say(`this run does without ${impossible.join(', ')}`);
  const plan = (options.plan ?? planFor(seed, { lengthMs, kills, others, without: impossible })).filter(
    ({ fault }) => !impossible.includes(fault),
  );
  const load = new Load({
    seed,
    urls: world.urls,
    token: world.token,
    clients: options.clients,
    lengthMs: lengthMs + SETTLE_MS,
    restMs: options.restMs,
    cappedEveryMs: options.cappedEveryMs,
  });
  const striker = new Striker(world, ({ atMs, fault }, outcome) =>
    say(`${(atMs / 1000).toFixed(1)} s ${fault}: ${outcome}`),
  );
  const progress = setInterval(() => {
    const { accepted, ended } = load.counts;
    say(
      `${seconds(beganMs)}: ${accepted} accepted, ${ended} ended, ${striker.struck.length} faults of ${plan.length}`,
    );
  }, PROGRESS_MS);
  try {
    const [asked] = await Promise.all([load.run(), striker.follow(plan)]);
    const { struck, missed } = striker;
    const forgotMs =
      limiterHoldMs >= LONGEST_ENTRY_MS
        ? []
        : struck
            .filter(({ fault }) => FORGETS.includes(fault))
            // What was permitted before a loss may arrive after it, while nothing is permitted yet.
            .flatMap(({ beganMs, endedMs }) => [beganMs, endedMs, endedMs + limiterHoldMs]);
    const facts = await collectFacts(world, { asked, struck, forgotMs });
    const comparison = compareBooks(facts);
    if (comparison.breaches.length > 0) await keep(world, facts, seed, say);
    return { ...comparison, seed, plan, impossible, missed, facts, tookMs: performance.now() - beganMs };
  } finally {
    clearInterval(progress);
  }
}

/** What a breach is looked into with. */
async function keep(world: World, facts: Facts, seed: number, say: (line: string) => void): Promise<void> {
  const folder = new URL(`../../build/chaos/${seed}/`, import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/facts.json`, JSON.stringify(facts, undefined, 1));
  world.keepLogs(folder);
  say(`facts and logs are kept in build/chaos/${seed}`);
}

const seconds = (sinceMs: number): string => `${((performance.now() - sinceMs) / 1000).toFixed(0)} s`;
