import { CodedError } from '#errors/coded-error.ts';

/**
 * Runs `run` for at most `ms` and only until `signal`. After the time: `runtime_timeout`; after an abort: the signal's
 * reason where that is a CodedError, else `runtime_aborted`. Returns at that moment even where `run` does not heed its signal.
 */
export async function withDeadline<T>(
  what: string,
  ms: number,
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal?.aborted) throw abortError(signal, what);
  const limit = new AbortController();
  const gaveUp = Promise.withResolvers<never>();
  const giveUp = (error: CodedError): void => {
    gaveUp.reject(error);
    limit.abort(error);
  };
  const onAbort = (): void => giveUp(abortError(signal, what));
  const timer = setTimeout(() => giveUp(new CodedError('runtime_timeout', { what, ms })), ms);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([run(limit.signal), gaveUp.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The coded error of an aborted signal. */
export function abortError(signal: AbortSignal | undefined, what: string): CodedError {
  const reason: unknown = signal?.reason;
  return reason instanceof CodedError
    ? reason
    : new CodedError('runtime_aborted', { what }, { cause: reason });
}
