import { CodedError } from '#errors/coded-error.ts';
import type { Denial, Level } from './permit-request.ts';

/** What the permit script said, in words. */
export type PermitAnswer =
  | { readonly kind: 'granted'; readonly sendWithinMs: number }
  | { readonly kind: 'wait'; readonly denial: Denial; readonly isHead: boolean }
  | { readonly kind: 'closed'; readonly retryAfterMs: number }
  | { readonly kind: 'away'; readonly reason?: string };

/** What the limiter puts in order by itself before it asks again. */
type Unprepared = { readonly kind: 'unmarked' } | { readonly kind: 'unfenced' };

/** Errors, the two answers that are for good: `limit_never_fits` {level, limit, cap}, `epoch_superseded`. */
export function readAnswer(reply: unknown, levels: readonly Level[]): PermitAnswer | Unprepared {
  const [kind, first, limit, retryAfterMs, place] = reply as [
    string,
    number,
    Denial['limit'],
    number,
    number,
  ];
  switch (kind) {
    case 'granted':
      return { kind, sendWithinMs: first };
    case 'wait':
      return {
        kind,
        denial: { level: levels[first - 1]?.level ?? 'claw', limit, retryAfterMs },
        isHead: place === 0,
      };
    case 'never':
      throw neverFits(levels[first - 1] as Level, limit);
    case 'superseded':
      throw new CodedError('epoch_superseded');
    case 'closed':
      return { kind, retryAfterMs: first };
    case 'unmarked':
    case 'unfenced':
      return { kind };
    default:
      throw new CodedError('internal');
  }
}

function neverFits(level: Level, limit: Denial['limit']): CodedError {
  const cap = limit === 'requests' ? level.requestsPerMinute : level.tokensPerMinute;
  return new CodedError('limit_never_fits', { level: level.level, limit, cap });
}
