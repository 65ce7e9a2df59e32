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
  runtime_failed: {
    message: 'The container engine failed on the way: see details.',
    status: 500,
    verdict: 'unknown',
  },
  runtime_busy: {
    message: 'The container engine is in the middle of something that stands in the way: see details.',
    status: 503,
    verdict: 'retryable',
  },
  runtime_full: {
    message:
      'The container engine has no space left: make room on its disk (docker system df tells what takes it).',
    status: 503,
    verdict: 'retryable',
  },
  runtime_answer_invalid: {
    message: 'What answered in place of the container engine is not understood: check DOCKER_HOST.',
    status: 502,
    verdict: 'unknown',
  },
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
  cage_paused: {
    message: 'The container of the cage was paused from outside while its task ran, so it was ended.',
    status: 500,
    verdict: 'retryable',
  },
  cage_frozen: {
    message: 'The control group of the cage was frozen from outside while its task ran, so it was ended.',
    status: 500,
    verdict: 'retryable',
  },
  warden_unresponsive: {
    message: 'The warden of the cage no longer answered, so the cage was ended.',
    status: 500,
    verdict: 'retryable',
  },
  cage_unproven: {
    message:
      'The cage could not prove that the agent cannot read the key, so none was handed over: see details.',
    status: 500,
    verdict: 'final',
  },
} as const satisfies Record<string, Row>;
