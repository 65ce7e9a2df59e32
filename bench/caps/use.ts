import type { BookedCall, LimitName } from './judge.ts';

/** What arrived of a key in each whole window between two moments, as a part of its cap. */
export function useOf(
  calls: readonly BookedCall[],
  of: { readonly key: string; readonly limit: LimitName; readonly cap: number },
  times: { readonly fromMs: number; readonly toMs: number; readonly windowMs: number },
): number[] {
  const own = calls.filter(({ key }) => key === of.key);
  const windows = Math.floor((times.toMs - times.fromMs) / times.windowMs);
  return Array.from({ length: windows }, (_, at) => {
    const fromMs = times.fromMs + at * times.windowMs;
    const within = own.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + times.windowMs);
    return within.reduce((sum, { tokens }) => sum + (of.limit === 'tokens' ? tokens : 1), 0) / of.cap;
  });
}
