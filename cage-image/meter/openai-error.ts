import type { ServerResponse } from 'node:http';
import { toCodedError, type CodedError } from '#errors/coded-error.ts';

/** Tells our own errors from the provider's; taken out of what the provider sends. */
export const OWN_ERROR_HEADER = 'x-clawcage-error';

export interface OwnErrorOptions {
  readonly retryAfterMs?: number | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers with an error of ours in OpenAI's form (`{"error":{message,type,param,code}}`), whose `code` is that of the table. A final one tells the
 * official client not to try again (`x-should-retry`), one with a time says it in both forms that the client reads.
 */
export function answerOwnError(
  response: ServerResponse,
  error: unknown,
  options: OwnErrorOptions = {},
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const coded = toCodedError(error);
  response.writeHead(coded.status, {
    'content-type': 'application/json',
    [OWN_ERROR_HEADER]: coded.code,
    'x-should-retry': String(coded.verdict !== 'final'),
    ...options.headers,
    ...retryAfter(options.retryAfterMs),
  });
  response.end(JSON.stringify(openAiForm(coded)));
}

function openAiForm(error: CodedError): object {
  const hints = ['instead', 'reason', 'remedy']
    .map((name) => error.details?.[name])
    .filter((hint) => typeof hint === 'string');
  return {
    error: {
      message: [error.message, ...hints].join(' '),
      type: typeOf(error.status),
      param: error.details?.['field'] ?? null,
      code: error.code,
    },
  };
}

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

function retryAfter(ms: number | undefined): Record<string, string> {
  if (ms === undefined) return {};
  return { 'retry-after': String(Math.ceil(ms / 1000)), 'retry-after-ms': String(Math.ceil(ms)) };
}
