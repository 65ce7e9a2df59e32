import type { Breach, Facts } from './facts.ts';

/** Each subscriber saw each event once, in order, to the end; where it was told of a gap, what came before it and what behind it. */
export function checkWatched({ asked, calls }: Pick<Facts, 'asked' | 'calls'>): Breach[] {
  return asked.flatMap(({ name, watched, end }) => {
    if (!watched || !end) return [];
    const found: string[] = [];
    // An answer that breaks off is asked for again, and shown from its beginning.
    const isSaidOnce = calls.filter((call) => call.name === name).length === 1;
    const { ids, ends, text } = watched;
    for (const stretch of ids) {
      const at = stretch.findIndex((id, place) => place > 0 && id <= stretch[place - 1]!);
      if (at > 0) found.push(`event ${stretch[at]} came after ${stretch[at - 1]}`);
    }
    if (ends !== 1) found.push(`was told the end ${ends} times`);
    if (
      isSaidOnce &&
      ids.length === 1 &&
      end.state === 'succeeded' &&
      end.epoch === 1 &&
      text &&
      text.seen !== text.right
    )
      found.push(`saw ${text.seen.length} characters of ${text.right.length}, without a gap`);
    return found.map((what) => ({ check: 'watched', of: name, what }));
  });
}
