import { checkAccepted } from './accepted.ts';
import { checkAttempts, checkCalls } from './attempts.ts';
import { checkCaps } from './caps.ts';
import type { Breach, Facts } from './facts.ts';
import { checkFinals } from './finals.ts';
import { checkLeft } from './left.ts';
import { survivorsOf, type Survivors } from './survivors.ts';
import { checkWatched } from './watched.ts';

export interface Comparison {
  readonly breaches: readonly Breach[];
  readonly survivors: Survivors;
}

/** All books against each other; pure. */
export function compareBooks(facts: Facts): Comparison {
  const survivors = survivorsOf(facts);
  const breaches = [
    ...checkAccepted(facts),
    ...checkFinals(facts),
    ...checkAttempts(facts),
    ...checkCalls(facts),
    ...checkCaps(facts),
    ...checkWatched(facts),
    ...survivors.breaches,
    ...checkLeft(facts),
    ...facts.crashes.map((of) => ({ check: 'crashes', of, what: 'ended by itself' })),
  ];
  return { breaches, survivors };
}
