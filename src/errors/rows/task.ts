import type { Row } from '../row.ts';

export const TASK_ERRORS = {
  task_final: { message: 'The task has ended already.', status: 409, verdict: 'final' },
  task_transition: {
    message: 'The task cannot go from its state to that one.',
    status: 409,
    verdict: 'final',
  },
  task_cancelled: { message: 'The task was cancelled.', status: 409, verdict: 'final' },
  queue_full: {
    message:
      'Too many tasks wait already, so this one was not taken: send it again later (retry-after says when), or raise what details.level says: maxQueued of the Claw, CLAWCAGE_MAX_QUEUED of the installation.',
    status: 429,
    verdict: 'retryable',
  },
  task_timed_out: {
    message:
      "The task did not end within its time: give it more with --timeout (running), or with the Claw's timeouts (waiting, starting); details.phase says which.",
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
  task_content_lost: {
    message:
      'The task had not ended when the backup was made that this installation was restored from, and no backup holds what it was to do: send it again.',
    status: 410,
    verdict: 'final',
  },
  epoch_superseded: {
    message: 'A newer attempt of this task has taken over.',
    status: 409,
    verdict: 'final',
  },
} as const satisfies Record<string, Row>;
