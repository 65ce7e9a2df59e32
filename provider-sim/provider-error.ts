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
  /** HTML that is sent in place of the body, as a proxy on the way does it. */
  page: string | undefined;

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

/** A mistake in a script: it may stand in any of a request's texts, so no parameter is named. */
export function scriptMistake(message: string): ProviderError {
  return invalidParameter(null, message);
}

export function badJson(): ProviderError {
  return new ProviderError(400, {
    message:
      'We could not parse the JSON body of your request. (HINT: This likely means you aren’t using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)',
    type: 'invalid_request_error',
  });
}

export function badForm(type: string): ProviderError {
  return new ProviderError(400, {
    message: `The body could not be read as multipart/form-data (its content type: ${type.split(';', 1)[0] || 'none'}).`,
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

export function forbidden(model: string): ProviderError {
  return new ProviderError(403, {
    message: `Project \`proj_simulated\` does not have access to model \`${model}\`.`,
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

/** What a limit's 429 tells; where a script asks for the error, these figures are made up. */
interface Reached {
  readonly kind: 'requests' | 'tokens';
  readonly limit: number;
  readonly used: number;
  readonly requested: number;
  readonly headers: Readonly<Record<string, string>>;
}

const MADE_UP: Reached = {
  kind: 'requests',
  limit: 500,
  used: 500,
  requested: 1,
  headers: { 'x-ratelimit-limit-requests': '500', 'x-ratelimit-remaining-requests': '0' },
};

/** `retryAfterSeconds` may have a fraction; without it the headers that tell a client when to come back are left out. */
export function rateLimited(model: string, retryAfterSeconds?: number, reached = MADE_UP): ProviderError {
  const { kind, limit, used, requested } = reached;
  const per = kind === 'requests' ? 'requests per min (RPM)' : 'tokens per min (TPM)';
  const again =
    retryAfterSeconds === undefined ? '' : ` Please try again in ${Number(retryAfterSeconds.toFixed(3))}s.`;
  const detail = {
    message: `Rate limit reached for ${model} in organization org-simulated on ${per}: Limit ${limit}, Used ${used}, Requested ${requested}.${again}`,
    type: kind,
    code: 'rate_limit_exceeded',
  };
  return new ProviderError(429, detail, { ...reached.headers, ...comeBack(retryAfterSeconds) });
}

/** A request that no wait makes fit. */
export function requestTooLarge(
  model: string,
  limit: number,
  requested: number,
  headers: Record<string, string>,
): ProviderError {
  const detail = {
    message: `Request too large for ${model} in organization org-simulated on tokens per min (TPM): Limit ${limit}, Requested ${requested}. The input or output tokens must be reduced in order to run successfully.`,
    type: 'tokens',
    code: 'rate_limit_exceeded',
  };
  return new ProviderError(429, detail, headers);
}

/** What stands before many a server and answers in its place: 200, and a page for people. */
export function webPage(): ProviderError {
  const error = new ProviderError(200, { message: 'A web page.', type: 'server_error' });
  error.page =
    '<!DOCTYPE html><html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n';
  return error;
}

export function notFound(message: string, param: string | null = 'id'): ProviderError {
  return new ProviderError(404, { message, type: 'invalid_request_error', param });
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

/** No answer at all: the connection is broken off. */
export class BrokenOff extends Error {}
