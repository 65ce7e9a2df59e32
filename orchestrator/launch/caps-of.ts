import type { Caps } from '#limits/caps.ts';

interface PerMinute {
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
}

/** The caps of a Claw, a key or an organisation; one that is left out is no cap. */
export function capsOf(row: PerMinute): { requestsPerMinute?: number; tokensPerMinute?: number } {
  return {
    ...(row.requestsPerMinute !== null && { requestsPerMinute: row.requestsPerMinute }),
    ...(row.tokensPerMinute !== null && { tokensPerMinute: row.tokensPerMinute }),
  };
}

/** Of each kind the smallest of all levels: more than that no call can ever take. */
export function smallestCaps(levels: readonly Caps[]): Caps {
  const least = (caps: readonly (number | undefined)[]): number | undefined =>
    caps.reduce((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a), undefined);
  const requestsPerMinute = least(levels.map((level) => level.requestsPerMinute));
  const tokensPerMinute = least(levels.map((level) => level.tokensPerMinute));
  return {
    ...(requestsPerMinute !== undefined && { requestsPerMinute }),
    ...(tokensPerMinute !== undefined && { tokensPerMinute }),
  };
}
