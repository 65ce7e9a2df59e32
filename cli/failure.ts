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
    this.exitCode = exitCodeOfError(error.code, error.status);
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

/** `error[code]: message (details) · request id`, one line; for a failure, and for an error that came as a part of a task. */
export function errorLine(
  error: { code: string; message: string; details?: Details | undefined; requestId?: string | undefined },
  colours: Colours,
): string {
  const details = describeDetails(error.details);
  const request = error.requestId === undefined ? '' : colours.dim(` · request ${error.requestId}`);
  return `${colours.red(`error[${error.code}]`)}: ${error.message}${details === '' ? '' : ` (${details})`}${request}`;
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
