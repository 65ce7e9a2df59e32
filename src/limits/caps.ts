/** What a level may use in any 60 s. A cap left out is no cap; 0 is closed. */
export interface Caps {
  readonly requestsPerMinute?: number | undefined;
  readonly tokensPerMinute?: number | undefined;
}

export type LimitName = 'requests' | 'tokens';

/** Above it nothing real lies, and far below 2^53 every sum of such numbers is exact in Lua. */
export const LARGEST_CAP = 1_000_000_000_000;

export interface CapProblem {
  readonly field: keyof Caps;
  readonly reason: string;
}

/** What is wrong with these caps; empty where nothing is. */
export function capProblems(caps: Caps): CapProblem[] {
  const fields = ['requestsPerMinute', 'tokensPerMinute'] as const;
  return fields.filter((field) => !isCap(caps[field])).map((field) => ({ field, reason: RULE }));
}

const RULE = `a whole number from 0 (closed) to ${LARGEST_CAP}, or left out for no cap`;

const isCap = (value: unknown): boolean =>
  value === undefined ||
  (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= LARGEST_CAP);

/** The limit above which this call lies even with nothing else counted, or undefined: such a call never fits. A cap of 0 is closed to all. */
export function limitNeverMet(
  caps: Caps,
  asked: { requests: number; tokens: number },
): LimitName | undefined {
  if (caps.requestsPerMinute === 0) return 'requests';
  if (caps.tokensPerMinute === 0) return 'tokens';
  return limitInTheWay(caps, { requests: 0, tokens: 0 }, asked);
}

/** The limit that leaves no room for this call beside what is counted, or undefined where it fits. */
export function limitInTheWay(
  caps: Caps,
  counted: { requests: number; tokens: number },
  asked: { requests: number; tokens: number },
): LimitName | undefined {
  if (caps.requestsPerMinute !== undefined && counted.requests + asked.requests > caps.requestsPerMinute)
    return 'requests';
  if (caps.tokensPerMinute !== undefined && counted.tokens + asked.tokens > caps.tokensPerMinute)
    return 'tokens';
  return undefined;
}
