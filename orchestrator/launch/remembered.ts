/** A change takes effect within a second; this leaves time for the permit itself. */
const FRESH_MS = 500;

/** The same answer for half a second, asked for once at a time. One that failed is not kept. */
export function remembered<T>(read: () => Promise<T>): () => Promise<T> {
  let asked: { readonly atMs: number; readonly answer: Promise<T> } | undefined;
  return () => {
    const nowMs = performance.now();
    if (asked && nowMs - asked.atMs < FRESH_MS) return asked.answer;
    const mine = { atMs: nowMs, answer: read() };
    asked = mine;
    mine.answer.catch(() => {
      if (asked === mine) asked = undefined;
    });
    return mine.answer;
  };
}
