import type { Row } from '../row.ts';

export const AGENT_ERRORS = {
  agent_failed: { message: 'The agent ended with an error: see details.', status: 500, verdict: 'final' },
  agent_unresponsive: {
    message: 'The agent no longer answered, or was busy for longer than what it did may take: see details.',
    status: 500,
    verdict: 'retryable',
  },
  agent_step_limit: {
    message: 'The agent reached its step limit without a final answer.',
    status: 500,
    verdict: 'final',
  },
  agent_refused: { message: 'The model refused.', status: 422, verdict: 'final' },
  agent_answer_cut: {
    message: 'The answer reached its output limit before its end: raise maxOutputTokens, or ask for less.',
    status: 422,
    verdict: 'final',
  },
  agent_answer_invalid: {
    message: 'The answer does not fit the form that was asked for, also after one more try: see details.',
    status: 422,
    verdict: 'final',
  },
  agent_function_unanswered: {
    message: 'Nobody answered the call of a function in time.',
    status: 408,
    verdict: 'final',
  },
  output_too_large: {
    message: 'The files in /work/out are more or larger than a result may hold: see details.',
    status: 422,
    verdict: 'final',
  },
} as const satisfies Record<string, Row>;
