import { ERRORS } from '#errors/table.ts';
import { isErrorCode } from '#errors/coded-error.ts';
import type { RetryPolicy } from '#protocol/api.ts';

/** How an attempt failed, and how far it had come. */
export interface FailedAttempt {
  readonly error: { readonly code: string; readonly details?: Readonly<Record<string, unknown>> };
  /** Attempts that were begun, this one with them. */
  readonly epoch: number;
  /** Whether the agent was given its task: before that, also an error that may have happened harms nothing. */
  readonly handedOver: boolean;
  /** Whether the agent may have changed something outside. */
  readonly acted: boolean;
}

/** The last tenth of a wait is left to chance, so that what failed together does not come back together. */
const JITTER = 0.1;

/**
 * How long to wait before the next attempt, in milliseconds; undefined where there is none: attempts are used up, trying again would change nothing,
 * or might do twice what was done once. `chance` is in [0, 1).
 */
export function retryDelayMs(
  policy: RetryPolicy,
  { error, epoch, handedOver, acted }: FailedAttempt,
  chance: number,
): number | undefined {
  if (epoch >= policy.attempts || (acted && !policy.idempotent)) return undefined;
  if (!mayDiffer(error, handedOver)) return undefined;
  const fullMs = Math.min(policy.maxBackoffMs, policy.backoffMs * 2 ** Math.max(0, epoch - 1));
  return Math.round(fullMs * (1 - JITTER * chance));
}

/** Whether another attempt may end otherwise. A provider's 4xx says that the request itself is at fault. */
function mayDiffer({ code, details }: FailedAttempt['error'], handedOver: boolean): boolean {
  if (!isErrorCode(code) || code === 'internal') return false;
  const status = details?.status;
  if (code === 'provider_failed' && typeof status === 'number' && status >= 400 && status < 500) return false;
  const { verdict } = ERRORS[code];
  return verdict === 'retryable' || (verdict === 'unknown' && !handedOver);
}
