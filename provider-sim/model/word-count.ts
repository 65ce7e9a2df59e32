import { basename } from 'node:path';

export interface Counts {
  readonly name: string;
  readonly lines: number;
  readonly words: number;
  readonly characters?: number;
}

/** What was asked to be counted; words and lines where nothing in particular was. */
export interface Wanted {
  readonly lines: boolean;
  readonly words: boolean;
  readonly characters: boolean;
}

const COUNTING = /\b(count|how many|number of|how long|wc)\b/i;

/** Whether a text asks for a count, and of what. */
export function wantedCounts(text: string): Wanted | undefined {
  if (!COUNTING.test(text)) return undefined;
  const wanted = {
    lines: /\blines?\b/i.test(text),
    words: /\bwords?\b/i.test(text),
    characters: /\b(characters?|letters?)\b/i.test(text),
  };
  if (Object.values(wanted).some(Boolean)) return wanted;
  return /\b(files?|texts?|documents?|wc)\b/i.test(text)
    ? { lines: true, words: true, characters: false }
    : undefined;
}

/** The command line that counts; `wc` prints its figures in the order lines, words, characters whatever the order of its options. */
export function wcCommand(files: readonly string[], { characters }: Wanted): string {
  return `wc -l -w${characters ? ' -m' : ''} ${files.join(' ')}`;
}

/** The rows of `wc` found in a tool's output, whatever the tool wrote around them. */
export function parseWc(output: string, { characters }: Wanted): Counts[] {
  const row = characters
    ? /(?:^|\s)(\d+)[ \t]+(\d+)[ \t]+(\d+)[ \t]+(total\b|[^\n]*\/[^\n"]*)/gm
    : /(?:^|\s)(\d+)[ \t]+(\d+)[ \t]+(total\b|[^\n]*\/[^\n"]*)/gm;
  return [...output.matchAll(row)].map((found) => {
    const [lines, words, third] = found.slice(1, 4);
    const counts = { name: basename(found.at(-1)!.trim()), lines: Number(lines), words: Number(words) };
    return characters ? { ...counts, characters: Number(third) } : counts;
  });
}

/** Counts as `wc` does. */
export function countText(name: string, text: string): Counts {
  return {
    name,
    lines: text.split('\n').length - 1,
    words: text.split(/\s+/).filter((word) => word !== '').length,
    characters: Array.from(text).length,
  };
}

/** One sentence a file. */
export function countsInWords(counts: readonly Counts[], wanted: Wanted): string {
  return counts
    .map(({ name, lines, words, characters }) => {
      const figures = [
        ...(wanted.words ? [amount(words, 'word')] : []),
        ...(wanted.lines ? [amount(lines, 'line')] : []),
        ...(wanted.characters && characters !== undefined ? [amount(characters, 'character')] : []),
      ];
      const list =
        figures.length > 2
          ? `${figures.slice(0, -1).join(', ')} and ${figures.at(-1)}`
          : figures.join(' and ');
      return name === 'total' ? `Together they have ${list}.` : `${name} has ${list}.`;
    })
    .join(' ');
}

function amount(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
