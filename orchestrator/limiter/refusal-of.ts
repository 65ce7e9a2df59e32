import { CodedError } from '#errors/coded-error.ts';
import type { PermitAnswer } from './answers.ts';
import { LimitRefusal } from '../limits/limit-refusal.ts';

/** What a call is told that has waited for as long as it may, or need not begin. */
export function refusalOf(answer: Exclude<PermitAnswer, { kind: 'granted' }>): CodedError {
  switch (answer.kind) {
    case 'wait':
      return new LimitRefusal('limit_exceeded', { ...answer.denial }, answer.levels);
    case 'paused':
      return new CodedError('limit_exceeded', { level: 'claw', limit: 'stopped', reason: answer.reason });
    case 'closed': {
      const cause = answer.why === 'clock' ? "Redis' clock was set" : 'a loss of Redis';
      const reason = `closed after ${cause}, until every call that it may have forgotten counts no longer`;
      return new CodedError('limiter_unavailable', { reason, retryAfterMs: answer.retryAfterMs });
    }
    case 'away':
      return new CodedError(
        'limiter_unavailable',
        answer.reason === undefined ? undefined : { reason: answer.reason },
      );
    case 'unread':
      return answer.why;
  }
}
