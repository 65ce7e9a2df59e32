import { CodedError } from '#errors/coded-error.ts';

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
]);

/** It was made and broke: what was asked for may have been done. */
const BROKE = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE']);

/**
 * Any failure of a call to the engine as a coded error. The engine's own message goes along as `reason`: it names images,
 * containers and limits, and cannot hold a secret, since none is ever sent to the engine's API outside a cage's stdin.
 */
export function toRuntimeError(error: unknown, details: Readonly<Record<string, unknown>>): CodedError {
  if (error instanceof CodedError) return error;
  const status = engineStatus(error);
  if (status !== undefined) return fromAnswer(error, status, details);
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (NEVER_CONNECTED.has(code))
    return new CodedError('runtime_unavailable', { ...details, reason: code }, { cause: error });
  if (BROKE.has(code)) return new CodedError('runtime_lost', { ...details, reason: code }, { cause: error });
  return new CodedError('internal', details, { cause: error });
}

/** The HTTP status that the engine answered with, where it did. */
export function engineStatus(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** What the engine said, without the SDK's frame around it. */
export function engineReason(error: unknown): string {
  const said = (error as { json?: { message?: unknown } } | undefined)?.json?.message;
  return typeof said === 'string' ? said : error instanceof Error ? error.message : String(error);
}

function fromAnswer(error: unknown, status: number, details: Readonly<Record<string, unknown>>): CodedError {
  const reason = engineReason(error);
  const all = { ...details, reason };
  if (status === 404 && /no such image/i.test(reason))
    return new CodedError('image_missing', all, { cause: error });
  if (status === 404 && /no such container/i.test(reason))
    return new CodedError('cage_not_found', all, { cause: error });
  if (status === 503) return new CodedError('runtime_unavailable', all, { cause: error });
  return new CodedError('runtime_refused', { ...all, status }, { cause: error });
}
