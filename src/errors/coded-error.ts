import { ERRORS, type ErrorCode, type Verdict } from './table.ts';

export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * An error of the table. `details` are facts for the reader (a field, a host, a limit) and never content or a secret.
 * `detail.reason`, where given, is one more sentence for people.
 */
export class CodedError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, details?: Readonly<Record<string, unknown>>, options?: { cause?: unknown }) {
    super(ERRORS[code].message, options);
    this.name = 'CodedError';
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get verdict(): Verdict {
    return ERRORS[this.code].verdict;
  }

  toBody(): ErrorBody {
    return this.details === undefined
      ? { code: this.code, message: this.message }
      : { code: this.code, message: this.message, details: this.details };
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value);
}

/** Any thrown value as a coded error; what is not coded becomes `internal` with the original as its cause. */
export function toCodedError(error: unknown): CodedError {
  return error instanceof CodedError ? error : new CodedError('internal', undefined, { cause: error });
}

/** Rebuilds an error that travelled as a body (over the link or HTTP); an unknown code becomes `internal`. */
export function fromBody(body: {
  code: string;
  message?: string;
  details?: Record<string, unknown> | undefined;
}): CodedError {
  return isErrorCode(body.code)
    ? new CodedError(body.code, body.details)
    : new CodedError('internal', { received: body.code });
}
