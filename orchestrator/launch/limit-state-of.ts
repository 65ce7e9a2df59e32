import type { LimitState } from '#protocol/link-messages.ts';
import type { LevelState } from '../limiter/permit-request.ts';

type Remainder = NonNullable<LimitState['requests']>;

/** What an agent is told of the caps: of requests and of tokens, each at the level that leaves least; of equals the one that is empty last. */
export function limitStateOf(levels: readonly LevelState[]): LimitState {
  const requests = least(levels, ({ requestsPerMinute, requests: used }) => [requestsPerMinute, used]);
  const tokens = least(levels, ({ tokensPerMinute, tokens: used }) => [tokensPerMinute, used]);
  return { ...(requests && { requests }), ...(tokens && { tokens }) };
}

function least(
  levels: readonly LevelState[],
  of: (level: LevelState) => [limit: number | undefined, used: number],
): Remainder | undefined {
  let found: Remainder | undefined;
  for (const level of levels) {
    const [limit, used] = of(level);
    if (limit === undefined) continue;
    // What is counted may be above a cap that was lowered.
    const here = { limit, remaining: Math.max(0, limit - used), resetMs: used > 0 ? level.emptyInMs : 0 };
    if (
      found === undefined ||
      here.remaining < found.remaining ||
      (here.remaining === found.remaining && here.resetMs > found.resetMs)
    )
      found = here;
  }
  return found;
}
