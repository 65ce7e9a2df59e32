import type { Breach, Facts } from './facts.ts';

/** Each subscriber saw each event once, in order, to the end; where it was told of a gap, what it saw is in order all the same. */
export function checkWatched({ asked, calls }: Pick<Facts, 'asked' | 'calls'>): Breach[] {
  return asked.flatMap(({ name, watched, end }) => {
    if (!watched || !end) return [];
    const found: string[] = [];
    // An answer that breaks off is asked for again, and shown from its beginning.
    const isSaidOnce = calls.filter((call) => call.name === name).length === 1;
    const { ids, gaps, ends, text } = watched;
    const at = ids.findIndex((id, place) => place > 0 && id <= ids[place - 1]!);
    if (at > 0) found.push(`event ${ids[at]} came after ${ids[at - 1]}`);
    if (ends !== 1) found.push(`was told the end ${ends} times`);
    if (
      isSaidOnce &&
      gaps === 0 &&
      end.state === 'succeeded' &&
      end.epoch === 1 &&
      text &&
      text.seen !== text.right
    )
      found.push(`saw ${text.seen.length} characters of ${text.right.length}, without a gap`);
    return found.map((what) => ({ check: 'watched', of: name, what }));
  });
}
