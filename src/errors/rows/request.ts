import type { Row } from '../row.ts';

export const REQUEST_ERRORS = {
  request_invalid: {
    message: 'The request is not valid: see details for the field and what it takes.',
    status: 400,
    verdict: 'final',
  },
  request_too_large: { message: 'The request body is larger than the limit.', status: 413, verdict: 'final' },
  not_authenticated: {
    message:
      'No valid token was sent: use "Authorization: Bearer <token>" (CLAWCAGE_HOME/admin-token holds the administrator\'s).',
    status: 401,
    verdict: 'final',
  },
  not_allowed: { message: 'This principal may not do that.', status: 403, verdict: 'final' },
  not_found: { message: 'There is nothing of that name here.', status: 404, verdict: 'final' },
  name_taken: {
    message: 'That name is in use: choose another, or change what bears it.',
    status: 409,
    verdict: 'final',
  },
  conflict: { message: 'That does not fit the present state.', status: 409, verdict: 'final' },
  idempotency_mismatch: {
    message: 'This Idempotency-Key was used with another body within the last 24 h: send a new key.',
    status: 409,
    verdict: 'final',
  },
  internal: {
    message: 'Something went wrong on our side; the log has the request id.',
    status: 500,
    verdict: 'unknown',
  },
  not_ready: {
    message: 'The service is not ready: GET /readyz says which part.',
    status: 503,
    verdict: 'retryable',
  },
  config_invalid: { message: 'The configuration is not valid: see details.', status: 500, verdict: 'final' },
} as const satisfies Record<string, Row>;
