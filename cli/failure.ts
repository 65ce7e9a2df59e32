import { ERRORS, type ErrorCode } from '#errors/table.ts';
import type { ErrorReply } from '#protocol/api.ts';
import { exitCodeOfError, type ExitCode } from './exit-codes.ts';
import type { Colours } from './terminal/terminal.ts';

type Details = Readonly<Record<string, unknown>>;

/** Why a command ends: a coded error of the service, or of the command itself. */
export class Failure extends Error {
  readonly code: string;
  readonly details: Details | undefined;
  readonly requestId: string | undefined;
  readonly exitCode: ExitCode;
  readonly #status: number;

  constructor(error: {
    code: string;
    message: string;
    details?: Details | undefined;
    requestId?: string | undefined;
    status: number;
  }) {
    super(error.message);
    this.name = 'Failure';
    this.code = error.code;
    this.details = error.details;
    this.requestId = error.requestId;
    this.#status = error.status;
    this.exitCode = exitCodeOfError(error.code, error.status);
  }

  /** The same with more details. */
  with(details: Details): Failure {
    const { code, message, requestId } = this;
    return new Failure({
      code,
      message,
      details: { ...this.details, ...details },
      requestId,
      status: this.#status,
    });
  }
}

/** A failure from the one table of errors. */
export function failure(code: ErrorCode, details?: Details): Failure {
  const { message, status } = ERRORS[code];
  return new Failure({ code, message, details, status });
}

/** What the service answered, as it is: a code that this version does not know keeps its words. */
export function refusal(status: number, { error }: ErrorReply): Failure {
  return new Failure({ ...error, status });
}

/**
 * `error[code]: message (details) · request id`, one line; for a failure, and for an error that came as a part of a task. Several
 * `problems` come after it, a line each.
 */
export function errorLine(
  error: { code: string; message: string; details?: Details | undefined; requestId?: string | undefined },
  colours: Colours,
): string {
  const { problems, ...others } = error.details ?? {};
  const apart = Array.isArray(problems) && problems.length > 1;
  const details = describeDetails(apart ? others : error.details);
  const request = error.requestId === undefined ? '' : colours.dim(` · request ${error.requestId}`);
  const line = `${colours.red(`error[${error.code}]`)}: ${error.message}${details === '' ? '' : ` (${details})`}${request}`;
  return apart ? [line, ...problems.map((problem) => `  ${describe(problem)}`)].join('\n') : line;
}

/** The form of the API, for `--json`. */
export function failureJson(error: Failure): object {
  const { code, message, details, requestId } = error;
  return {
    error: { code, message, ...(details && { details }), ...(requestId !== undefined && { requestId }) },
  };
}

function describeDetails(details: Details | undefined): string {
  return Object.entries(details ?? {})
    .map(([name, value]) => `${name}: ${describe(value)}`)
    .join('; ');
}

function describe(value: unknown): string {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(describe).join(', ');
  if (value !== null && typeof value === 'object' && 'field' in value && 'problem' in value) {
    return `${describe(value.field)}: ${describe(value.problem)}`;
  }
  return JSON.stringify(value) ?? String(value);
}

/** Without control characters: details may quote what a provider sent, and that must not steer the terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}]+/gu, ' ');
}
