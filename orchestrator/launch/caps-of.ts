import type { ClawRow } from '../store/claws-store.ts';

/** A Claw's caps; a cap that is left out is no cap. */
export function capsOf(claw: ClawRow): { requestsPerMinute?: number; tokensPerMinute?: number } {
  return {
    ...(claw.requestsPerMinute !== null && { requestsPerMinute: claw.requestsPerMinute }),
    ...(claw.tokensPerMinute !== null && { tokensPerMinute: claw.tokensPerMinute }),
  };
}
