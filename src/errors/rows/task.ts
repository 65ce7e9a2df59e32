import type { Row } from '../row.ts';

export const TASK_ERRORS = {
  task_final: { message: 'The task has ended already.', status: 409, verdict: 'final' },
  task_transition: {
    message: 'The task cannot go from its state to that one.',
    status: 409,
    verdict: 'final',
  },
  task_cancelled: { message: 'The task was cancelled.', status: 409, verdict: 'final' },
  task_timed_out: {
    message: 'The task did not end within its time: give it more with --timeout.',
    status: 408,
    verdict: 'final',
  },
  task_orphaned: {
    message: 'The cage lost its controller for longer than the orphan time and ended the task.',
    status: 503,
    verdict: 'retryable',
  },
  function_call_answered: {
    message: 'That call is answered already, or no longer waits.',
    status: 409,
    verdict: 'final',
  },
  image_invalid: {
    message: 'That is no PNG, JPEG, WebP or GIF: see details.',
    status: 422,
    verdict: 'final',
  },
  result_gone: { message: 'The result is no longer kept: its time was over.', status: 410, verdict: 'final' },
  epoch_superseded: {
    message: 'A newer attempt of this task has taken over.',
    status: 409,
    verdict: 'final',
  },
} as const satisfies Record<string, Row>;
