import type { Row } from '../row.ts';

export const LINK_ERRORS = {
  link_frame_too_large: { message: 'A frame is larger than the limit.', status: 500, verdict: 'final' },
  link_frame_invalid: { message: 'A frame could not be decoded.', status: 500, verdict: 'final' },
  link_message_unknown: {
    message: 'A message of an unknown type or form came over the link.',
    status: 500,
    verdict: 'final',
  },
  link_version: {
    message:
      "The two ends of the link speak no common protocol version: a release that speaks one of the cage's has to end its work first.",
    status: 500,
    verdict: 'final',
  },
  link_sequence: {
    message: 'The link lost messages that cannot be replayed.',
    status: 500,
    verdict: 'final',
  },
  link_closed: { message: 'The link to the cage is closed.', status: 503, verdict: 'retryable' },
  link_superseded: {
    message: 'A controller with a newer epoch holds this cage.',
    status: 409,
    verdict: 'final',
  },
  link_unauthenticated: {
    message: 'The other end of the link does not hold its secret.',
    status: 500,
    verdict: 'final',
  },
  link_backlog: {
    message: 'More is waiting for the other end of the link than is kept.',
    status: 503,
    verdict: 'final',
  },
} as const satisfies Record<string, Row>;
