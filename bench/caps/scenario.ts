import type { Habit } from './demand.ts';
import type { LimitName } from './judge.ts';

export const WINDOW_MS = 60_000;

export interface Caps {
  readonly requests?: number;
  readonly tokens?: number;
}

/** Each with four Claws. The first two are filled by calls of one size, the other two by what is hard on a limiter. */
export const KEYS = ['tokens', 'requests', 'edges', 'mixed'] as const;
export type KeyName = (typeof KEYS)[number];

export const KEY_CAPS: Readonly<Record<KeyName, Caps>> = {
  tokens: { tokens: 120_000 },
  requests: { requests: 120 },
  edges: { requests: 90, tokens: 20_000 },
  mixed: { requests: 60, tokens: 60_000 },
};

/** A little more than the keys may together, until it is lowered. */
export const ORGANISATION_CAPS: Caps = { requests: 420, tokens: 250_000 };

export interface ClawOfRun {
  readonly name: string;
  readonly key: KeyName;
  readonly habit: Habit;
  readonly atOnce: number;
  /** Of output, of an ordinary call. */
  readonly tokens: number;
  readonly caps: Caps;
}

const KINDS: Record<KeyName, Omit<ClawOfRun, 'name' | 'key'>> = {
  tokens: { habit: 'steady', atOnce: 3, tokens: 1_000, caps: {} },
  requests: { habit: 'steady', atOnce: 3, tokens: 20, caps: {} },
  edges: { habit: 'edges', atOnce: 30, tokens: 20, caps: { requests: 30, tokens: 15_000 } },
  mixed: { habit: 'mixed', atOnce: 3, tokens: 500, caps: { tokens: 20_000 } },
};

export const CLAWS: readonly ClawOfRun[] = KEYS.flatMap((key) =>
  [1, 2, 3, 4].map((at) => ({ ...KINDS[key], name: `${key}-${at}`, key })),
);

/** A cap that changes while it is used; `at` is the part of the run that has passed. */
export interface Change {
  readonly at: number;
  readonly level: 'claw' | 'key' | 'organisation';
  readonly name: string;
  readonly limit: LimitName;
  readonly cap: number;
}

/** From here on the organisation's caps bind those whose use is measured before. */
export const ORGANISATION_LOWERED_AT = 0.8;

export const CHANGES: readonly Change[] = [
  { at: 0.3, level: 'claw', name: 'edges-1', limit: 'requests', cap: 10 },
  { at: 0.35, level: 'key', name: 'mixed', limit: 'tokens', cap: 24_000 },
  { at: 0.45, level: 'claw', name: 'mixed-1', limit: 'tokens', cap: 8_000 },
  { at: 0.55, level: 'key', name: 'edges', limit: 'requests', cap: 50 },
  { at: 0.6, level: 'claw', name: 'edges-1', limit: 'requests', cap: 40 },
  { at: 0.7, level: 'key', name: 'mixed', limit: 'tokens', cap: 70_000 },
  { at: 0.75, level: 'claw', name: 'mixed-1', limit: 'tokens', cap: 30_000 },
  { at: ORGANISATION_LOWERED_AT, level: 'organisation', name: 'organisation', limit: 'requests', cap: 200 },
  { at: ORGANISATION_LOWERED_AT, level: 'organisation', name: 'organisation', limit: 'tokens', cap: 100_000 },
  { at: 0.95, level: 'organisation', name: 'organisation', limit: 'requests', cap: 300 },
];

/** Nothing is struck before: the use of a calm minute is measured in it. */
export const CALM_PART = 0.25;
