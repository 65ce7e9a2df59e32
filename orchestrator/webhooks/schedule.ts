import type { CodedError } from '#errors/coded-error.ts';
import type { DeliveryRow } from '../store/deliveries-store.ts';

/** What came of one attempt: a status, or why there was none. */
export type Answer =
  { readonly status: number; readonly retryAfterMs?: number | undefined } | { readonly error: CodedError };

/** The wait after each failed attempt; when all are used up, the delivery has failed. */
export const BACKOFF_MS: readonly number[] = [5_000, 30_000, 120_000, 600_000, 3600_000, 6 * 3600_000];

/** The longest wait that a receiver may ask for. */
const RETRY_AFTER_MAX_MS = 24 * 3600_000;

/** What gate and receiver will say again tomorrow. */
const HOPELESS: readonly string[] = ['gate_address_denied', 'gate_target_denied', 'gate_not_tls'];

type Outcome = Pick<DeliveryRow, 'state' | 'lastStatus' | 'lastError' | 'nextAt'>;

/**
 * What becomes of a delivery after its `attempts`-th attempt. 2xx is delivered; 410 (gone: the receiver wants no more) ends it; all else, redirects too, is tried
 * again, not before the time that the receiver asked for.
 */
export function afterAttempt(
  answer: Answer,
  attempts: number,
  now: Date,
  backoffMs: readonly number[] = BACKOFF_MS,
): Outcome {
  const lastStatus = 'status' in answer ? answer.status : null;
  const lastError = 'error' in answer ? answer.error.code : null;
  if (lastStatus !== null && lastStatus >= 200 && lastStatus < 300)
    return { state: 'delivered', lastStatus, lastError, nextAt: null };
  const waitMs = backoffMs[attempts - 1];
  const over = waitMs === undefined || lastStatus === 410 || HOPELESS.includes(lastError ?? '');
  if (over) return { state: 'failed', lastStatus, lastError, nextAt: null };
  const askedMs = Math.min('status' in answer ? (answer.retryAfterMs ?? 0) : 0, RETRY_AFTER_MAX_MS);
  return {
    state: 'waiting',
    lastStatus,
    lastError,
    nextAt: new Date(now.getTime() + Math.max(waitMs, askedMs)),
  };
}

/** `retry-after` in milliseconds: seconds or a date (RFC 9110 section 10.2.3); `undefined` where it is neither. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
