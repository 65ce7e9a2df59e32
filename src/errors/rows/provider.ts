import type { Row } from '../row.ts';

export const PROVIDER_ERRORS = {
  provider_unauthorized: {
    message: 'The provider rejected the key: rotate it with clawcage keys rotate.',
    status: 401,
    verdict: 'final',
  },
  provider_rate_limited: {
    message: 'The provider refused for its rate limit until the deadline.',
    status: 429,
    verdict: 'retryable',
  },
  provider_failed: {
    message: 'The provider answered with an error: see details.',
    status: 502,
    verdict: 'retryable',
  },
  provider_unreachable: { message: 'The provider could not be reached.', status: 502, verdict: 'retryable' },
} as const satisfies Record<string, Row>;
