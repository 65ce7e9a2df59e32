import type { PGlite } from '@electric-sql/pglite';

/** The functions of the WebAssembly that PGlite calls for each message, by these names: the loop over it, and what follows that. */
interface MainLoop {
  _PostgresMainLoopOnce: () => void;
  _PostgresSendReadyForQueryIfNecessary: () => void;
  _pgl_pq_flush: () => void;
  stackRestore: (stack: number) => void;
}

/**
 * Ends a loop that would not: PGlite calls PostgreSQL's main loop until a message is dealt with, and takes whatever is thrown there for an error of a statement. After a panic, which aborts the
 * WebAssembly, every call throws, at once and for ever, and this process would hang with it. From then on it is not called any more: every query rejects with that `RuntimeError`.
 */
export function endLoops(db: PGlite): PGlite {
  const module = db.Module as unknown as MainLoop;
  const { _PostgresMainLoopOnce: once, stackRestore } = module;
  let aborted: unknown;
  module._PostgresMainLoopOnce = () => {
    if (aborted !== undefined) throw aborted;
    try {
      once();
    } catch (error) {
      if (error instanceof Error && error.name === 'RuntimeError') abort(error);
      throw error;
    }
  };
  // The first that PGlite does with what was thrown.
  module.stackRestore = (stack) => {
    if (aborted !== undefined) throw aborted;
    stackRestore(stack);
  };
  const abort = (error: unknown): void => {
    aborted = error;
    module._PostgresSendReadyForQueryIfNecessary = () => undefined;
    module._pgl_pq_flush = () => undefined;
  };
  return db;
}
