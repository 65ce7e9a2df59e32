import type { Breach, Called, Facts } from './facts.ts';

const WINDOW_MS = 60_000;

/** The caps held in every window of a minute, by the provider's books alone. Shares no code with the limiter. */
export function checkCaps({
  asked,
  calls,
  caps,
  forgotMs,
}: Pick<Facts, 'asked' | 'calls' | 'caps' | 'forgotMs'>): Breach[] {
  const capped = new Set(asked.filter(({ kind }) => kind === caps.kind).map(({ name }) => name));
  const own = calls.filter(({ name }) => capped.has(name)).toSorted((a, b) => a.arrivedMs - b.arrivedMs);
  return [
    ...over(own, forgotMs, 'requests', caps.requests, () => 1),
    ...over(own, forgotMs, 'tokens', caps.tokens, ({ tokens }) => tokens),
  ];
}

function over(
  calls: readonly Called[],
  forgotMs: readonly number[],
  what: string,
  cap: number,
  value: (call: Called) => number,
): Breach[] {
  for (const [at, first] of calls.entries()) {
    const endMs = Math.min(
      first.arrivedMs + WINDOW_MS,
      ...forgotMs.filter((lossMs) => lossMs > first.arrivedMs),
    );
    const sum = calls.slice(at).reduce((so, call) => so + (call.arrivedMs < endMs ? value(call) : 0), 0);
    if (sum > cap)
      return [
        {
          check: 'caps',
          of: new Date(first.arrivedMs).toISOString(),
          what: `${sum} ${what} in a minute, the cap is ${cap}`,
        },
      ];
  }
  return [];
}
