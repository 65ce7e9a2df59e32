import { toCodedError } from '#errors/coded-error.ts';

/** A change takes effect within a second, for calls that wait, too: the limiter looks for one every half a second. */
const FRESH_MS = 400;
/** A database that takes longer hangs, or is as good as away. */
const PATIENCE_MS = 150;

/**
 * The same answer for 0.4 s, asked for once at a time. While the database is away or hangs the last answer that it gave still holds. Any other failure is handed on and not
 * kept.
 */
export function remembered<T>(read: () => Promise<T>): () => Promise<T> {
  let last: { readonly value: T } | undefined;
  let asked: { readonly atMs: number; readonly answer: Promise<T> } | undefined;
  let isReading = false;
  const ask = async (): Promise<T> => {
    isReading = true;
    try {
      last = { value: await read() };
      return last.value;
    } catch (error) {
      if (last === undefined || toCodedError(error).code !== 'store_unavailable') throw error;
      return last.value;
    } finally {
      isReading = false;
    }
  };
  return () => {
    const nowMs = performance.now();
    if (!asked || (nowMs - asked.atMs >= FRESH_MS && !isReading)) {
      const mine = { atMs: nowMs, answer: ask() };
      asked = mine;
      mine.answer.catch(() => {
        if (asked === mine) asked = undefined;
      });
    }
    const patienceMs = asked.atMs + PATIENCE_MS - nowMs;
    if (last === undefined || !isReading) return asked.answer;
    return patienceMs > 0 ? soonOr(asked.answer, last.value, patienceMs) : Promise.resolve(last.value);
  };
}

function soonOr<T>(answer: Promise<T>, otherwise: T, withinMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<T>((resolve) => (timer = setTimeout(resolve, withinMs, otherwise)));
  return Promise.race([answer, patience]).finally(() => clearTimeout(timer));
}
