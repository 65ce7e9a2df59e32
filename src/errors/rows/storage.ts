import type { Row } from '../row.ts';

export const STORAGE_ERRORS = {
  store_unavailable: { message: 'The database does not answer.', status: 503, verdict: 'retryable' },
  store_locked: {
    message: 'Another process uses this CLAWCAGE_HOME: stop it, or choose another home.',
    status: 503,
    verdict: 'final',
  },
  lease_lost: {
    message: 'This orchestrator was silent for too long: another acts in its place.',
    status: 503,
    verdict: 'retryable',
  },
} as const satisfies Record<string, Row>;
