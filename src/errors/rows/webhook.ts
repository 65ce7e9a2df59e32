import type { Row } from '../row.ts';

export const WEBHOOK_ERRORS = {
  webhook_unanswered: {
    message: 'The receiver of the webhook did not answer in time.',
    status: 504,
    verdict: 'retryable',
  },
  webhook_unreachable: {
    message: 'The receiver of the webhook could not be reached, or its certificate is not valid.',
    status: 502,
    verdict: 'retryable',
  },
} as const satisfies Record<string, Row>;
