import { CodedError } from '#errors/coded-error.ts';
import type { ErrorCode } from '#errors/table.ts';

/** The connection was never made, so nothing happened. */
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EACCES',
  'EPERM',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'EMFILE',
  'ENFILE',
  // From the handshake, before any request: a server that speaks no TLS.
  'EPROTO',
]);

/** It was made and broke: what was asked for may have been done. */
const BROKE = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Certificates that are refused end the handshake, https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const CERTIFICATE = /^(CERT_|ERR_TLS_|ERR_SSL_)|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH/;

/** Errors of the kernel and of libraries in the engine's words: ENOSPC, EDQUOT. */
const FULL = /no space left|disk quota exceeded/i;

/** A name or a state that another call is just changing. */
const BUSY =
  /removal of container .* (is already )?in progress|already in progress|marked for removal|is being (removed|started|restarted)|restarting, wait/i;

/**
 * Any failure of a call to the engine as a coded error, whose verdict tells what may be done about it: nothing happened (`retryable`), it would be refused again (`final`), or it
 * may have happened (`unknown`: whoever asked looks by name). The engine's own message goes along as `reason`: it names images, containers and limits, and cannot hold a secret, since
 * none is ever sent to the engine's API outside a cage's stdin.
 */
export function toRuntimeError(error: unknown, details: Readonly<Record<string, unknown>>): CodedError {
  if (error instanceof CodedError) return error;
  const status = engineStatus(error);
  if (status !== undefined) return fromAnswer(error, status, details);
  const { code = '', syscall, name } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  const as = (coded: ErrorCode, reason: string): CodedError =>
    new CodedError(coded, { ...details, reason }, { cause: error });
  // A failed `connect` says that no request was sent, whatever its reason.
  if (syscall === 'connect' || syscall === 'getaddrinfo') return as('runtime_unavailable', code);
  if (NEVER_CONNECTED.has(code) || CERTIFICATE.test(code)) return as('runtime_unavailable', code);
  if (BROKE.has(code)) return as('runtime_lost', code);
  if (code.startsWith('HPE_') || error instanceof SyntaxError)
    return as('runtime_answer_invalid', code || 'no JSON');
  if (name === 'AbortError') return as('runtime_aborted', name);
  return new CodedError('internal', details, { cause: error });
}

/** The HTTP status that the engine answered with, where it did. */
export function engineStatus(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** What the engine said, without the SDK's frame around it, which has words of its own: `(HTTP code 404) no such container - page not found`. */
export function engineReason(error: unknown): string {
  const said = (error as { json?: { message?: unknown } } | undefined)?.json?.message;
  if (typeof said === 'string') return said;
  const message = error instanceof Error ? error.message : String(error);
  return /^\(HTTP code \d+\) .*? - (.*)$/s.exec(message)?.[1]?.trim() ?? message;
}

/** Whether the engine's words say that it has no space left. */
export const saysFull = (error: unknown): boolean => FULL.test(engineReason(error));

/** Whether the engine may have done what it was asked for although no answer says so: look before it is done again. */
export const mayHaveHappened = (error: unknown): boolean =>
  error instanceof CodedError && error.verdict === 'unknown' && error.code !== 'runtime_aborted';

function fromAnswer(error: unknown, status: number, details: Readonly<Record<string, unknown>>): CodedError {
  const reason = engineReason(error);
  const code = codeOf(status, reason);
  const more = code === 'runtime_refused' || code === 'runtime_failed' ? { status } : {};
  return new CodedError(code, { ...details, reason, ...more }, { cause: error });
}

function codeOf(status: number, reason: string): ErrorCode {
  if (status < 400) return 'runtime_answer_invalid';
  if (status === 404 && /no such image/i.test(reason)) return 'image_missing';
  if (status === 404 && /no such container/i.test(reason)) return 'cage_not_found';
  if (FULL.test(reason)) return 'runtime_full';
  if (status === 429 || (status >= 409 && BUSY.test(reason))) return 'runtime_busy';
  if (status === 503) return 'runtime_unavailable';
  // What stands between us and the engine lost its answer.
  if (status === 408 || status === 502 || status === 504) return 'runtime_lost';
  // 501: this engine cannot do that at all.
  return status >= 500 && status !== 501 ? 'runtime_failed' : 'runtime_refused';
}
