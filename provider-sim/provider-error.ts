import { asOpenAiShowsIt } from './keys.ts';

interface Detail {
  readonly message: string;
  readonly type: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** An answer in the form of OpenAI's errors: `{"error":{"message","type","param","code"}}`. */
export class ProviderError extends Error {
  readonly status: number;
  readonly body: { readonly error: Required<Detail> };
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    { param = null, code = null, ...detail }: Detail,
    headers: Record<string, string> = {},
  ) {
    super(detail.message);
    this.status = status;
    this.body = { error: { ...detail, param, code } };
    this.headers = headers;
  }
}

export function invalidParameter(param: string | null, message: string): ProviderError {
  return new ProviderError(400, { message, type: 'invalid_request_error', param });
}

export function badJson(): ProviderError {
  return new ProviderError(400, {
    message:
      'We could not parse the JSON body of your request. (HINT: This likely means you aren’t using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)',
    type: 'invalid_request_error',
  });
}

export function bodyTooLarge(limitBytes: number): ProviderError {
  return new ProviderError(413, {
    message: `Maximum content size limit (${limitBytes}) exceeded.`,
    type: 'invalid_request_error',
  });
}

export function noKey(): ProviderError {
  return new ProviderError(401, {
    message:
      'You didn’t provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).',
    type: 'invalid_request_error',
  });
}

/** Shows the key as OpenAI does, whole on demand: a caller has to cope with providers that do that too. */
export function wrongKey(key: string, whole = false): ProviderError {
  return new ProviderError(401, {
    message: `Incorrect API key provided: ${whole ? key : asOpenAiShowsIt(key)}. You can find your API key at https://platform.openai.com/account/api-keys.`,
    type: 'invalid_request_error',
    code: 'invalid_api_key',
  });
}

export function unknownModel(model: string): ProviderError {
  return new ProviderError(404, {
    message: `The model \`${model}\` does not exist or you do not have access to it.`,
    type: 'invalid_request_error',
    code: 'model_not_found',
  });
}

export function unknownUrl(method: string, path: string): ProviderError {
  return new ProviderError(404, {
    message: `Invalid URL (${method} ${path})`,
    type: 'invalid_request_error',
  });
}

export function wrongMethod(method: string): ProviderError {
  return new ProviderError(405, {
    message: `Not allowed to ${method} on this resource.`,
    type: 'invalid_request_error',
    code: 'method_not_supported',
  });
}

/** `retryAfterSeconds` may have a fraction; without it the headers that tell a client when to come back are left out. */
export function rateLimited(model: string, retryAfterSeconds?: number): ProviderError {
  const headers = {
    'x-ratelimit-limit-requests': '500',
    'x-ratelimit-remaining-requests': '0',
    ...comeBack(retryAfterSeconds),
  };
  const detail = {
    message: `Rate limit reached for ${model} in organization org-simulated on requests per min (RPM): Limit 500, Used 500, Requested 1.`,
    type: 'requests',
    code: 'rate_limit_exceeded',
  };
  return new ProviderError(429, detail, headers);
}

export function serverError(status: number, retryAfterSeconds?: number): ProviderError {
  const detail = {
    message: 'The server had an error while processing your request. Sorry about that!',
    type: 'server_error',
  };
  return new ProviderError(status, detail, comeBack(retryAfterSeconds));
}

function comeBack(seconds: number | undefined): Record<string, string> {
  if (seconds === undefined) return {};
  return { 'retry-after': String(Math.ceil(seconds)), 'retry-after-ms': String(Math.ceil(seconds * 1000)) };
}
