import type { Row } from '../row.ts';

export const LIMIT_ERRORS = {
  limit_exceeded: {
    message: 'The cap leaves no room for this call before its deadline.',
    status: 429,
    verdict: 'retryable',
  },
  limit_never_fits: {
    message:
      'The upper bound of this call is above the cap (see details): lower max_completion_tokens (chat completions) or max_output_tokens (responses), send less, or raise the cap.',
    status: 400,
    verdict: 'final',
  },
  limiter_unavailable: {
    message: 'The limiter cannot be reached, so no call is permitted.',
    status: 503,
    verdict: 'retryable',
  },
  redis_unavailable: {
    message: 'Redis does not answer: see details; make setup installs it, CLAWCAGE_REDIS_URL names another.',
    status: 503,
    verdict: 'retryable',
  },
} as const satisfies Record<string, Row>;
