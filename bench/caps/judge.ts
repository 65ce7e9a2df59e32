import { worstOf, type Arrival, type CapHistory, type Worst } from './checker.ts';

/** The levels at which caps hold. */
export const LEVELS = ['claw', 'key', 'organisation'] as const;
export type LevelName = (typeof LEVELS)[number];
export const LIMITS = ['requests', 'tokens'] as const;
export type LimitName = (typeof LIMITS)[number];

/** A call as the provider's books tell it: with the names of those whose caps it counts against. Null where the books do not tell. */
export interface BookedCall extends Arrival {
  readonly claw: string | null;
  readonly key: string | null;
}

type CapsOf = Partial<Record<LimitName, CapHistory>>;

/** What was in force: of each Claw by its name, of each key by its fingerprint, of the one organisation. */
export interface CapsInForce {
  readonly claw: Readonly<Record<string, CapsOf>>;
  readonly key: Readonly<Record<string, CapsOf>>;
  readonly organisation: CapsOf;
}

export interface Verdict extends Worst {
  readonly level: LevelName;
  readonly limit: LimitName;
  /** Whose window it was; null where nothing arrived under a cap. */
  readonly id: string | null;
}

const VALUE: Record<LimitName, (one: Arrival) => number> = {
  requests: () => 1,
  tokens: ({ tokens }) => tokens,
};

/** The worst window of each level and limit, over all that it has caps for. */
export function judge(
  calls: readonly BookedCall[],
  caps: CapsInForce,
  times: { readonly windowMs: number; readonly lagMs: number },
): Verdict[] {
  return LEVELS.flatMap((level) =>
    LIMITS.map((limit): Verdict => {
      let worst: Verdict = { level, limit, id: null, ratio: 0, used: 0, cap: null, endMs: null };
      for (const [id, of] of level === 'organisation'
        ? [['organisation', caps.organisation] as const]
        : Object.entries(caps[level])) {
        const own = level === 'organisation' ? calls : calls.filter((call) => call[level] === id);
        const found = worstOf(own, of[limit] ?? [], { ...times, value: VALUE[limit] });
        if (found.ratio > worst.ratio) worst = { level, limit, id, ...found };
      }
      return worst;
    }),
  );
}

export const largestRatio = (verdicts: readonly Verdict[]): number =>
  Math.max(0, ...verdicts.map(({ ratio }) => ratio));

/** A line for people. */
export function lineOf({ level, limit, id, ratio, used, cap }: Verdict): string {
  const of = id === null ? 'nothing under a cap' : `${used} of ${cap}, ${id}`;
  return `${level.padEnd(12)} ${limit.padEnd(8)} worst window / cap ${ratio.toFixed(4)}  (${of})`;
}
