import { CodedError } from '#errors/coded-error.ts';
import { LimitRefusal } from '../limits/limit-refusal.ts';
import { superseded } from '../limits/superseded.ts';
import type { Denial, Level, LevelState, PermitRequest } from './permit-request.ts';

/** What the permit script said, in words. */
export type PermitAnswer =
  | { readonly kind: 'granted'; readonly sendWithinMs: number; readonly levels: readonly LevelState[] }
  | {
      readonly kind: 'wait';
      readonly denial: Denial;
      /** Its place in its Claw's line; 0: the head, -1: it does not wait and is refused. */
      readonly place: number;
      /** When to ask again unless called before; undefined: when called, or to renew. */
      readonly lookAgainMs: number | undefined;
      readonly levels: readonly LevelState[];
    }
  | { readonly kind: 'paused'; readonly reason: string; readonly place: number }
  | { readonly kind: 'closed'; readonly retryAfterMs: number; readonly why?: 'loss' | 'clock' }
  /** Nothing was decided: Redis does not, or what is in force cannot be read. */
  | { readonly kind: 'away'; readonly reason?: string }
  | { readonly kind: 'unread'; readonly why: CodedError };

/** What the limiter puts in order by itself before it asks again. */
type Unprepared =
  | { readonly kind: 'unmarked' }
  | { readonly kind: 'unfenced' }
  | { readonly kind: 'unsteady' }
  | { readonly kind: 'ahead' };

type Reply = [kind: string, facts: (number | string)[], states: number[], redisNowMs: number];

/** Redis' own time in ms when it decided. */
export const redisTimeOf = (reply: unknown): number => (reply as Reply)[3];

type Asked = Pick<PermitRequest, 'tokens' | 'requests' | 'fence'>;

/** Errors, the two answers that are for good: `limit_never_fits` {level, limit, bound, cap, hint}, `epoch_superseded` {takenOver}. */
export function readAnswer(
  reply: unknown,
  levels: readonly Level[],
  asked: Asked,
  paused = 'paused',
): PermitAnswer | Unprepared {
  const [kind, facts, states] = reply as Reply;
  const level = levels[Number(facts[0]) - 1];
  switch (kind) {
    case 'granted':
      return { kind, sendWithinMs: Number(facts[0]), levels: statesOf(states, levels) };
    case 'wait': {
      const [, limit, retryAfterMs, place, lookAgainMs] = facts as [number, string, number, number, number];
      if (limit === 'paused') return { kind: 'paused', reason: paused, place };
      return {
        kind,
        denial: { level: level?.level ?? 'claw', limit: limit as Denial['limit'], retryAfterMs },
        place,
        lookAgainMs: lookAgainMs < 0 ? undefined : lookAgainMs,
        levels: statesOf(states, levels),
      };
    }
    case 'never':
      throw neverFits(level as Level, facts[1] as 'requests' | 'tokens', asked, statesOf(states, levels));
    case 'superseded':
      throw superseded(asked.fence, Number(facts[0]));
    case 'closed':
      return { kind, retryAfterMs: Number(facts[0]) };
    case 'unmarked':
    case 'unfenced':
    case 'unsteady':
    case 'ahead':
      return { kind };
    default:
      throw new CodedError('internal');
  }
}

/** Why a call waits, as a task shows it; undefined once it waits no longer. */
export function waitingFor(answer: PermitAnswer): string | undefined {
  switch (answer.kind) {
    case 'granted':
      return undefined;
    case 'wait':
      return `${answer.denial.level} ${answer.denial.limit}`;
    case 'paused':
      return answer.reason;
    case 'closed':
      return answer.why === 'clock'
        ? "limiter closed after Redis' clock was set"
        : 'limiter closed after a loss of Redis';
    case 'away':
      return 'limiter unavailable';
    case 'unread':
      return 'database unavailable';
  }
}

function statesOf(states: readonly number[], levels: readonly Level[]): LevelState[] {
  return Array.from({ length: states.length / 4 }, (_, nth) => {
    const [index = 0, requests = 0, tokens = 0, emptyInMs = 0] = states.slice(4 * nth);
    return { ...(levels[index - 1] as Level), requests, tokens, emptyInMs };
  });
}

function neverFits(
  level: Level,
  limit: 'requests' | 'tokens',
  { tokens, requests = 1 }: Asked,
  levels: readonly LevelState[],
): LimitRefusal {
  const cap = (limit === 'requests' ? level.requestsPerMinute : level.tokensPerMinute) ?? 0;
  const bound = limit === 'requests' ? requests : tokens;
  return new LimitRefusal(
    'limit_never_fits',
    { level: level.level, limit, bound, cap, hint: hintFor(level, limit, cap) },
    levels,
  );
}

function hintFor({ level }: Level, limit: 'requests' | 'tokens', cap: number): string {
  if (cap === 0) return `closed by a cap of 0: raise the ${limit} per minute of the ${level}`;
  return limit === 'requests'
    ? `raise the requests per minute of the ${level}`
    : `lower max_completion_tokens or max_output_tokens, send less, or raise the tokens per minute of the ${level}`;
}
