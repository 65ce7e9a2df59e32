import type { Row } from '../row.ts';

export const METER_ERRORS = {
  meter_unauthorized: {
    message: 'The loopback endpoint takes the throw-away key of this task only.',
    status: 401,
    verdict: 'final',
  },
  meter_call_refused: {
    message: 'The meter does not let this call pass.',
    status: 403,
    verdict: 'final',
  },
  meter_model_refused: { message: 'This Claw may use its own models only.', status: 403, verdict: 'final' },
  meter_file_unknown: {
    message: 'This task has not made a file of that id: only its own files are here.',
    status: 404,
    verdict: 'final',
  },
  meter_request_invalid: {
    message: 'The request is not valid, or not of the expected form.',
    status: 400,
    verdict: 'final',
  },
  meter_unbounded: {
    message: 'What this call costs cannot be bounded, so it is refused.',
    status: 400,
    verdict: 'final',
  },
  meter_failed: { message: 'The meter ended before the task did.', status: 500, verdict: 'final' },
  meter_unresponsive: {
    message: 'The meter no longer answered, so the task was ended.',
    status: 500,
    verdict: 'retryable',
  },
} as const satisfies Record<string, Row>;
