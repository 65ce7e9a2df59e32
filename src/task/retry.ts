import { ERRORS, type ErrorCode } from '#errors/table.ts';
import { isErrorCode } from '#errors/coded-error.ts';
import type { RetryPolicy } from '#protocol/api.ts';

/** How an attempt failed, and how far it had come. */
export interface FailedAttempt {
  readonly error: { readonly code: string; readonly details?: Readonly<Record<string, unknown>> };
  /** Those that were begun and count, this one with them. */
  readonly attempts: number;
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
  { error, attempts, handedOver, acted }: FailedAttempt,
  chance: number,
): number | undefined {
  if (attempts >= policy.attempts || (acted && !policy.idempotent)) return undefined;
  if (!mayDiffer(error, handedOver)) return undefined;
  const fullMs = Math.min(policy.maxBackoffMs, policy.backoffMs * 2 ** Math.max(0, attempts - 1));
  return Math.round(fullMs * (1 - JITTER * chance));
}

/** Why a task waits whose start met that: the machine's fault, which no other attempt of the policy's pays for. */
const SPARED: Partial<Record<ErrorCode, string>> = {
  runtime_unavailable: 'the container engine does not answer',
  runtime_timeout: 'the container engine does not answer',
  runtime_lost: 'the container engine does not answer',
  runtime_busy: 'the container engine is busy',
  runtime_full: 'the container engine has no space left',
  gate_unavailable: 'the gate does not answer',
  limiter_unavailable: 'the limiter does not answer',
  redis_unavailable: 'Redis does not answer',
  store_unavailable: 'the database does not answer',
  store_full: 'the disk of the database is full',
  lease_lost: 'its orchestrator is gone',
};

/** Why a task waits whose attempt does not count, since the machine failed before the agent had its task; undefined for every other failure. */
export function sparedReason({
  error,
  handedOver,
}: Pick<FailedAttempt, 'error' | 'handedOver'>): string | undefined {
  return !handedOver && isErrorCode(error.code) ? SPARED[error.code] : undefined;
}

const SPARED_LONGEST_MS = 30_000;

/** How long to wait after an attempt that does not count, in milliseconds: at first not at all. `spared` are those before it. */
export function sparedDelayMs(spared: number, chance: number): number {
  if (spared <= 0) return 0;
  return Math.round(Math.min(SPARED_LONGEST_MS, 1000 * 2 ** (spared - 1)) * (1 - JITTER * chance));
}

/** Whether another attempt may end otherwise. A provider's 4xx says that the request itself is at fault. */
function mayDiffer({ code, details }: FailedAttempt['error'], handedOver: boolean): boolean {
  if (!isErrorCode(code) || code === 'internal') return false;
  const status = details?.status;
  if (code === 'provider_failed' && typeof status === 'number' && status >= 400 && status < 500) return false;
  const { verdict } = ERRORS[code];
  return verdict === 'retryable' || (verdict === 'unknown' && !handedOver);
}
