/**
 * TLS of the link: version 1.3 with an external pre-shared key (RFC 8446 section 4.2.11) whose identity is the cage's id, always with an ephemeral
 * key exchange. OpenSSL's callback fixes the hash to SHA-256, hence the suite.
 */
export const LINK_TLS = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
} as const;

export const LINK_SECRET_BYTES = 32;

/**
 * How an end finds that the other is gone or stuck: each says at least every `pulseMs` what it has handled, and one that was silent for
 * `silenceMs`, or takes nothing of a full window for as long, is dropped.
 */
export interface LinkPulse {
  readonly pulseMs: number;
  readonly silenceMs: number;
}

/** So many signs of life missed in a row mean gone or stuck, on the link and inside the cage. */
export const MISSED_PULSES = 3;

export const LINK_PULSE: LinkPulse = linkPulse(5_000);

export function linkPulse(pulseMs: number): LinkPulse {
  return { pulseMs, silenceMs: MISSED_PULSES * pulseMs };
}

/** So long an acknowledgement waits for a message to go along with: longer than a permit takes, and what nobody notices. */
export const ACK_WITHIN_MS = 2;
