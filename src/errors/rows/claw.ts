import type { Row } from '../row.ts';

export const CLAW_ERRORS = {
  claw_not_deployed: { message: 'The Claw is not deployed: deploy it first.', status: 409, verdict: 'final' },
  claw_deleted: { message: 'The Claw was deleted.', status: 410, verdict: 'final' },
  egress_provider_host: {
    message: "A provider's host may not be on the egress list: the meter alone speaks to it.",
    status: 422,
    verdict: 'final',
  },
  agent_image_unusable: {
    message: 'A cage cannot be made of that image: see details.',
    status: 422,
    verdict: 'final',
  },
  agent_image_unavailable: {
    message: "The agent's image cannot be pulled now: its registry does not answer, or not as it should.",
    status: 503,
    verdict: 'retryable',
  },
  model_unknown: {
    message: 'The provider does not offer this model to this key.',
    status: 422,
    verdict: 'final',
  },
} as const satisfies Record<string, Row>;
