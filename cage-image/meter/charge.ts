import type { UsageCounts } from '#protocol/link-messages.ts';

export type Charge =
  | { readonly charge: 'reported'; readonly usage: UsageCounts }
  | { readonly charge: 'full' | 'request' | 'none' };

export interface Outcome {
  /** What was reserved; 0 for what the provider counts no tokens of. */
  readonly tokens: number;
  /** Absent where no answer came. */
  readonly status?: number | undefined;
  readonly usage?: UsageCounts | undefined;
}

/**
 * What a call costs whose bytes went out. What the provider reported counts; a refusal (3xx, 4xx) and what has no tokens cost the request alone;
 * whatever else ended without a report may have cost all that was reserved.
 */
export function chargeOf(outcome: Outcome): Charge {
  if (outcome.usage !== undefined) return { charge: 'reported', usage: outcome.usage };
  if (outcome.tokens === 0) return { charge: 'request' };
  const refused = outcome.status !== undefined && outcome.status >= 300 && outcome.status < 500;
  return { charge: refused ? 'request' : 'full' };
}
