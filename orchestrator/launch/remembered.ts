import { toCodedError } from '#errors/coded-error.ts';

/** A change takes effect within a second; this leaves time for the permit itself. */
const FRESH_MS = 500;

/**
 * The same answer for half a second, asked for once at a time. While the database is away the last answer that it gave still holds; `before` is that where it
 * gave none yet. Any other failure is handed on and not kept.
 */
export function remembered<T>(read: () => Promise<T>, before?: T): () => Promise<T> {
  let last = before;
  let asked: { readonly atMs: number; readonly answer: Promise<T> } | undefined;
  const ask = async (): Promise<T> => {
    try {
      return (last = await read());
    } catch (error) {
      if (last === undefined || toCodedError(error).code !== 'store_unavailable') throw error;
      return last;
    }
  };
  return () => {
    const nowMs = performance.now();
    if (asked && nowMs - asked.atMs < FRESH_MS) return asked.answer;
    const mine = { atMs: nowMs, answer: ask() };
    asked = mine;
    mine.answer.catch(() => {
      if (asked === mine) asked = undefined;
    });
    return mine.answer;
  };
}
