import { ask, type Demand, type Habit, type Wish } from '../../../bench/caps/demand.ts';
import type { BookedCall, CapsInForce, LimitName } from '../../../bench/caps/judge.ts';

/** A minute, four times as fast: what a busy machine takes to wake who waits is little of it. */
export const WINDOW_MS = 15_000;
/** A call counts for 61 s of 60. */
export const ENTRY_MS = Math.ceil((WINDOW_MS * 61) / 60);
export const SEND_WITHIN_MS = WINDOW_MS / 2;

/** What its four keys are for: the first two are filled by calls of one size. */
export const KEYS = {
  tokens: 'key-tokens',
  requests: 'key-requests',
  edges: 'key-edges',
  mixed: 'key-mixed',
} as const;
export const ORGANISATION = 'organisation';
export const TOKENS_EACH = 100;

export interface Caps {
  readonly requests?: number;
  readonly tokens?: number;
}
export const KEY_CAPS: Readonly<Record<string, Caps>> = {
  [KEYS.tokens]: { tokens: 150 * TOKENS_EACH },
  [KEYS.requests]: { requests: 150 },
  [KEYS.edges]: { requests: 60, tokens: 60 * TOKENS_EACH },
  [KEYS.mixed]: { requests: 80, tokens: 40 * TOKENS_EACH },
};
/** More than its keys may together, until it is lowered. */
export const ORGANISATION_CAPS = { requests: 440, tokens: 40_000 };

interface ClawOfTown {
  readonly name: string;
  readonly key: string;
  readonly habit: Habit;
  readonly atOnce: number;
  readonly caps: Caps;
}

/** Four Claws on each key. Those of the edges have caps of their own, which each of their bursts fills. */
export const CLAWS: readonly ClawOfTown[] = Object.values(KEYS).flatMap((key) =>
  [1, 2, 3, 4].map((at): ClawOfTown => {
    const name = `${key}-${at}`;
    if (key === KEYS.edges) return { name, key, habit: 'edges', atOnce: 20, caps: { requests: 20 } };
    if (key === KEYS.mixed)
      return { name, key, habit: 'mixed', atOnce: 3, caps: { tokens: 14 * TOKENS_EACH } };
    return { name, key, habit: 'steady', atOnce: 4, caps: {} };
  }),
);

export interface Town {
  /** What arrived at the provider. */
  readonly books: BookedCall[];
  readonly caps: CapsInForce;
}

/** The moment in milliseconds of the machine's monotonic clock. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export const later = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

/** The demand of all 16, until a moment. */
export async function askAll(
  seed: number,
  untilMs: number,
  call: (claw: ClawOfTown, wish: Wish) => Promise<void>,
): Promise<void> {
  await Promise.all(
    CLAWS.map((claw, at) => {
      const demand: Demand = {
        ...claw,
        seed: seed * 100 + at,
        tokens: TOKENS_EACH,
        windowMs: WINDOW_MS,
        untilMs,
      };
      return ask(demand, (wish) => call(claw, wish));
    }),
  );
}

/** What is in force from the beginning, as the judge reads it; to be added to as caps change. */
export function capsAtFirst() {
  const history = (cap?: number) => (cap === undefined ? [] : [{ fromMs: 0, cap: cap as number | null }]);
  const of = ({ requests, tokens }: Caps) => ({ requests: history(requests), tokens: history(tokens) });
  return {
    claw: Object.fromEntries(CLAWS.map(({ name, caps }) => [name, of(caps)])),
    key: Object.fromEntries(Object.entries(KEY_CAPS).map(([key, caps]) => [key, of(caps)])),
    organisation: of(ORGANISATION_CAPS),
  };
}

/** How much of a key's cap arrived, over the whole windows after the first. */
export function useOf({ books }: Town, key: string, limit: LimitName): number {
  const own = books.filter((call) => call.key === key);
  const times = own.map(({ atMs }) => atMs);
  const fromMs = Math.min(...times) + WINDOW_MS;
  const windows = Math.floor((Math.max(...times) - fromMs) / WINDOW_MS);
  const arrived = own
    .filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + windows * WINDOW_MS)
    .reduce((sum, { tokens }) => sum + (limit === 'tokens' ? tokens : 1), 0);
  return arrived / (windows * KEY_CAPS[key]![limit]!);
}
