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
  return new CodedError(codeOf(error), {
    ...(error.status !== undefined && { status: error.status }),
    providerMessage: brief(error),
    ...(callUnknown(error) && {
      reason:
        'The endpoint does not know this call. Local servers often know chat completions only: api: chat.',
    }),
  });
}

/**
 * The conversation was refused for its length: by the provider (codes and words of OpenAI, vLLM, llama.cpp, Ollama and others), or by the
 * limiter, since its bound is above the cap.
 */
export function tooLong(error: unknown): boolean {
  if (error instanceof CodedError) return TOO_LONG.test(String(error.details?.['providerCode'] ?? ''));
  if (!(error instanceof APIError)) return false;
  const own = error.headers?.get(OWN_ERROR_HEADER);
  if (own) return own === 'limit_never_fits';
  return (
    [400, 413, 422, 500].includes(error.status ?? 0) && TOO_LONG.test(`${error.code ?? ''} ${error.message}`)
  );
}

const TOO_LONG =
  /context_length_exceeded|context (length|window|size)|maximum context|too many (input )?tokens|(prompt|input) is too long|exceeds the (available )?context/i;

function codeOf(error: APIError): ErrorCode {
  const { status } = error;
  if (status === undefined) return 'provider_failed';
  if (status === 401 || status === 403) return 'provider_unauthorized';
  if (status === 404) return callUnknown(error) ? 'agent_failed' : 'model_unknown';
  if (status === 429) return 'provider_rate_limited';
  return status >= 500 ? 'provider_failed' : 'agent_failed';
}

/** A 404 that is not about the model is about the path. */
function callUnknown(error: APIError): boolean {
  return error.status === 404 && !/model/i.test(`${error.code ?? ''} ${error.message}`);
}

function brief(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE);
}
