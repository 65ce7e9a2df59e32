import type { Row } from '../row.ts';

export const RUNTIME_ERRORS = {
  runtime_unavailable: {
    message: 'The container engine does not answer: start it, or check DOCKER_HOST.',
    status: 503,
    verdict: 'retryable',
  },
  runtime_timeout: {
    message: 'The container engine did not answer in time.',
    status: 503,
    verdict: 'unknown',
  },
  runtime_lost: {
    message: 'The connection to the container engine broke before its answer came.',
    status: 503,
    verdict: 'unknown',
  },
  runtime_aborted: {
    message: 'The call to the container engine was given up by who made it.',
    status: 503,
    verdict: 'unknown',
  },
  runtime_refused: { message: 'The container engine refused: see details.', status: 500, verdict: 'final' },
  runtime_unsupported: { message: 'This runtime cannot do that.', status: 501, verdict: 'final' },
  image_missing: {
    message: 'The cage image is not on this engine: run make setup.',
    status: 503,
    verdict: 'final',
  },
  cage_not_found: { message: 'No cage of that name is here.', status: 404, verdict: 'final' },
  cage_foreign: {
    message: 'A container of that name exists that is not of this installation: it is left alone.',
    status: 409,
    verdict: 'final',
  },
  cage_start_failed: { message: 'The cage did not start: see details.', status: 500, verdict: 'retryable' },
  cage_died: { message: 'The cage ended before its task did.', status: 500, verdict: 'retryable' },
  cage_unproven: {
    message:
      'The cage could not prove that the agent cannot read the key, so none was handed over: see details.',
    status: 500,
    verdict: 'final',
  },
} as const satisfies Record<string, Row>;
