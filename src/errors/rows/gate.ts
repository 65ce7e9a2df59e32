import type { Row } from '../row.ts';

export const GATE_ERRORS = {
  gate_unavailable: { message: 'The gate does not answer.', status: 503, verdict: 'retryable' },
  gate_capability_invalid: {
    message: 'The capability is missing, forged, malformed or of another installation.',
    status: 403,
    verdict: 'final',
  },
  gate_capability_expired: { message: 'The capability has expired.', status: 403, verdict: 'final' },
  gate_target_denied: {
    message: "That host and port is not on the list: add it to the Claw's egress list.",
    status: 403,
    verdict: 'final',
  },
  gate_address_denied: {
    message:
      'That name leads to a private, loopback, link-local or metadata address: CLAWCAGE_GATE_ALLOW_HOSTS may allow the exact host:port.',
    status: 403,
    verdict: 'final',
  },
  gate_resolve_failed: { message: 'That name could not be resolved.', status: 502, verdict: 'retryable' },
  gate_connect_failed: { message: 'The target could not be connected.', status: 502, verdict: 'retryable' },
  gate_sni_mismatch: {
    message: 'The TLS server name is not the host that the tunnel was opened for.',
    status: 403,
    verdict: 'final',
  },
  gate_not_tls: { message: 'Only TLS may pass this tunnel.', status: 403, verdict: 'final' },
  gate_busy: {
    message: 'The cage has as many connections as it may have.',
    status: 429,
    verdict: 'retryable',
  },
  gate_no_cage: { message: 'No cage of that name is offering its link.', status: 404, verdict: 'retryable' },
} as const satisfies Record<string, Row>;
