import { APIConnectionError, APIError } from 'openai';
import { CodedError, isErrorCode } from '#errors/coded-error.ts';
import type { ErrorCode } from '#errors/table.ts';

const MAX_MESSAGE = 300;
/** The meter's mark on its own errors (see meter/openai-error.ts). */
const OWN_ERROR_HEADER = 'x-clawcage-error';

/** Any failure of the loop as a coded one: the meter's own codes as they are, the provider's by status, with its words in short. */
export function failureOf(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  if (error instanceof APIConnectionError) return new CodedError('provider_unreachable');
  if (!(error instanceof APIError)) return new CodedError('agent_failed', { reason: brief(error) });
  const own = error.headers?.get(OWN_ERROR_HEADER);
  if (isErrorCode(own)) return new CodedError(own, { reason: brief(error) });
  return new CodedError(codeOf(error.status), {
    ...(error.status !== undefined && { status: error.status }),
    providerMessage: brief(error),
  });
}

/** An answer that broke off on its way: worth another try of the same step. */
export function brokeOff(error: unknown): boolean {
  return error instanceof APIError ? error instanceof APIConnectionError : !(error instanceof CodedError);
}

function codeOf(status: number | undefined): ErrorCode {
  if (status === undefined) return 'provider_failed';
  if (status === 401 || status === 403) return 'provider_unauthorized';
  if (status === 404) return 'model_unknown';
  if (status === 429) return 'provider_rate_limited';
  return status >= 500 ? 'provider_failed' : 'agent_failed';
}

function brief(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE);
}
