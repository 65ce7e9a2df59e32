import type { Row } from '../row.ts';

export const KEY_ERRORS = {
  key_rejected: {
    message: 'The provider rejected this key: check it with the provider, then add it again.',
    status: 422,
    verdict: 'final',
  },
  key_unverified: {
    message:
      'The key could not be verified because the provider could not be reached: check the base URL and the network, or add it with --no-verify.',
    status: 502,
    verdict: 'retryable',
  },
  key_revoked: { message: 'This key is revoked: give the Claw another key.', status: 409, verdict: 'final' },
  key_in_use: { message: 'Claws use this key: give them another first.', status: 409, verdict: 'final' },
  key_plaintext_endpoint: {
    message:
      'An http:// endpoint carries the key in the clear: list its host:port in CLAWCAGE_GATE_ALLOW_HOSTS to allow it.',
    status: 422,
    verdict: 'final',
  },
  vault_record_invalid: {
    message: 'The sealed record does not open: it was altered, or belongs to another tenant or purpose.',
    status: 500,
    verdict: 'final',
  },
  vault_kek_missing: {
    message: 'The key-encryption key of that version is not here: restore it to CLAWCAGE_HOME/kek.',
    status: 500,
    verdict: 'final',
  },
  vault_shredded: {
    message: 'The content key of this record was destroyed: its time was over.',
    status: 410,
    verdict: 'final',
  },
  sealing_failed: {
    message: 'The sealed message does not open with this key pair.',
    status: 500,
    verdict: 'final',
  },
} as const satisfies Record<string, Row>;
