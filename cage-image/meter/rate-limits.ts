import type { LimitState } from '#protocol/link-messages.ts';
import { cageClock } from '../cage-clock.ts';

interface Caps {
  readonly requestsPerMinute?: number | undefined;
  readonly tokensPerMinute?: number | undefined;
}

/**
 * What the agent is told of its caps with every answer, in the form of https://platform.openai.com/docs/guides/rate-limits: as of the newest decision, of requests and
 * of tokens each at the level that leaves least. Before the first decision only the Claw's own caps are known, and nothing of what is left of them.
 */
export class RateLimits {
  readonly #caps: Caps;
  #newest: { readonly state: LimitState; readonly heardMs: number } | undefined;

  constructor(caps: Caps) {
    this.#caps = caps;
  }

  heard(state: LimitState | undefined): void {
    if (state !== undefined) this.#newest = { state, heardMs: cageClock() };
  }

  /** The time until all is free again shrinks; what remains does not grow, since others may have used it. */
  headers(): Record<string, string> {
    const { requestsPerMinute, tokensPerMinute } = this.#caps;
    if (this.#newest === undefined)
      return { ...limitOf('requests', requestsPerMinute), ...limitOf('tokens', tokensPerMinute) };
    const { state, heardMs } = this.#newest;
    const passedMs = cageClock() - heardMs;
    return {
      ...remainderOf('requests', state.requests, passedMs),
      ...remainderOf('tokens', state.tokens, passedMs),
    };
  }
}

type Dimension = 'requests' | 'tokens';

const limitOf = (dimension: Dimension, limit: number | undefined): Record<string, string> =>
  limit === undefined ? {} : { [`x-ratelimit-limit-${dimension}`]: String(limit) };

function remainderOf(
  dimension: Dimension,
  left: LimitState[Dimension],
  passedMs: number,
): Record<string, string> {
  if (left === undefined) return {};
  return {
    ...limitOf(dimension, left.limit),
    [`x-ratelimit-remaining-${dimension}`]: String(Math.max(0, left.remaining)),
    [`x-ratelimit-reset-${dimension}`]: durationText(left.resetMs - passedMs),
  };
}

/** As OpenAI writes durations: `120ms`, `1s`, `1m23.5s`, `6m0s`, `1h0m0s`; 0 is `0s`. */
export function durationText(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms));
  if (whole > 0 && whole < 1000) return `${whole}ms`;
  const seconds = (whole % 60_000) / 1000;
  const minutes = Math.floor(whole / 60_000);
  if (minutes === 0) return `${seconds}s`;
  if (minutes < 60) return `${minutes}m${seconds}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}s`;
}

const UNIT_MS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, µs: 0.001 } as const;

/** The reverse of `durationText`; a bare number is seconds. Undefined where it is no duration. */
export function durationOf(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed) * 1000;
  if (!/^(\d+(\.\d+)?(h|ms|m|us|µs|s))+$/.test(trimmed)) return undefined;
  const parts = [...trimmed.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|us|µs|s)/g)];
  return parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS],
    0,
  );
}
