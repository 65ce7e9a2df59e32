import { beforeAll, describe, expect, it } from 'vitest';
import { figuresOf, reportOf } from './report.ts';
import { runChaos, type Outcome } from './run.ts';
import { SHORT_MS, shortPlan } from './short-plan.ts';

const SEED = 5;
/** More than all that a run waits for at the longest: its load, its last tasks, and what the reaper looks at most seldom. */
const RUN_MS = 25 * 60_000;

let outcome: Outcome;
const said: string[] = [];
beforeAll(async () => {
  outcome = await runChaos({
    seed: SEED,
    lengthMs: SHORT_MS,
    plan: shortPlan(SEED),
    kills: 0,
    others: 0,
    orchestrators: 3,
    clients: 4,
    own: false,
    limiterHoldMs: 2_000,
    caps: { requests: 6, tokens: 12_000 },
    cappedEveryMs: 16_000,
    restMs: 240_000,
    say: (line) => said.push(line),
  });
  console.log(`${said.join('\n')}\n${reportOf(outcome)}`);
}, RUN_MS);

const breachesOf = (...checks: string[]) => outcome.breaches.filter(({ check }) => checks.includes(check));

describe('three orchestrators under load, while everything around them is killed, stopped or cut', () => {
  it('were struck by all that this machine can do', () => {
    const { plan, facts, missed } = outcome;
    expect(facts.struck.length + missed.length).toBe(plan.length);
    expect(facts.struck.length).toBeGreaterThan(plan.length / 2);
    expect(figuresOf(outcome).accepted).toBeGreaterThan(10);
  });

  it('have a row for each task that they accepted, one, and no other', () => {
    expect(breachesOf('accepted')).toEqual([]);
  });

  it('bring each task to one end, the right one, and tell everybody the same', () => {
    expect(breachesOf('finals')).toEqual([]);
  });

  it('never have two attempts of a task at once, and no call of an attempt that is over', () => {
    expect(breachesOf('attempts', 'calls')).toEqual([]);
  });

  it('let what runs when one of them is killed run on as the attempt that it is', () => {
    expect(breachesOf('survivors')).toEqual([]);
  });

  it("hold the caps in every minute of the provider's books", () => {
    expect(breachesOf('caps')).toEqual([]);
  });

  it('show a watcher each event once, in order, to the end', () => {
    expect(breachesOf('watched')).toEqual([]);
  });

  it('never end by themselves', () => {
    expect(breachesOf('crashes')).toEqual([]);
  });

  it('leave no container, volume, network, key or sealed content behind', () => {
    expect(breachesOf('left')).toEqual([]);
  });
});
