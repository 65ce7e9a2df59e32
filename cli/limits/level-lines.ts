import type { LevelView } from '#protocol/api.ts';
import { bar } from '../terminal/bars.ts';
import type { Colours } from '../terminal/terminal.ts';
import { count, seconds } from '../terminal/words.ts';
import { wrapped } from '../terminal/wrap.ts';

const WIDEST_BAR = 40;
const NARROWEST_BAR = 4;
const LABELS = { tokens: 'tokens  ', requests: 'requests' } as const;
type Dimension = keyof typeof LABELS;

/** What the lines of all levels share, so that their bars stand below each other. */
export interface Layout {
  readonly columns: number;
  readonly heading: number;
  readonly bar: number;
  /** A line of its own for the level's name. */
  readonly stacked: boolean;
}

/** `key openai` */
export const headingOf = ({ level, name }: Pick<LevelView, 'level' | 'name'>): string =>
  `${level} ${name.replace(/[\p{Cc}]+/gu, ' ')}`;

/** `83 120 of 100 000`, or `12, no cap` */
function figures({ used, cap }: LevelView[Dimension]): string {
  return cap === null ? `${count(used)}, no cap` : `${count(used)} of ${count(cap)}`;
}

/** By the width of the terminal: where it is narrow the names take lines of their own, then the bars give way. */
export function layoutFor(levels: readonly LevelView[], columns: number): Layout {
  const heading = Math.max(0, ...levels.map((level) => headingOf(level).length));
  const longest = Math.max(
    0,
    ...levels.flatMap(({ tokens, requests }) => [figures(tokens).length, figures(requests).length]),
  );
  const beside = columns - heading - LABELS.tokens.length - longest - 6;
  const stacked = beside < 12;
  const room = stacked ? columns - LABELS.tokens.length - longest - 6 : beside;
  return { columns, heading, stacked, bar: room < NARROWEST_BAR ? 0 : Math.min(WIDEST_BAR, room) };
}

/** The lines of one level: a bar of tokens and one of requests, and what keeps its calls from going out. */
export function levelLines(level: LevelView, layout: Layout, colours: Colours): string[] {
  const heading = headingOf(level);
  const indent = layout.stacked ? '  ' : ' '.repeat(layout.heading + 2);
  const lines = (['tokens', 'requests'] as const).map((dimension, at) => {
    const start = at === 0 && !layout.stacked ? `${heading.padEnd(layout.heading)}  ` : indent;
    return `${start}${LABELS[dimension]}  ${drawn(level[dimension], layout.bar, colours)}${figures(level[dimension])}`;
  });
  const notes = notesOf(level)
    .flatMap((note) => wrapped(note, layout.columns, indent.length))
    .map((line) => `${indent}${colours.yellow(line)}`);
  return [...(layout.stacked ? [heading] : []), ...lines, ...notes];
}

/** Full to its cap; a cap of 0 is full. Nothing is drawn where there is no cap, as nothing can be full. */
function drawn({ used, cap }: LevelView[Dimension], width: number, colours: Colours): string {
  if (width === 0) return '';
  if (cap === null) return `${' '.repeat(width)}  `;
  const share = cap === 0 ? 1 : Math.min(1, used / cap);
  const full = bar(share, 1, width);
  const colour = share >= 0.95 ? colours.red : share >= 0.75 ? colours.yellow : colours.cyan;
  return `${colour(full)}${colours.dim('░'.repeat(width - full.length))}  `;
}

function notesOf({ level, closedForMs, clawsWaiting, tokens, requests }: LevelView): string[] {
  const notes: string[] = [];
  if (closedForMs !== null) notes.push(`closed by the provider for ${seconds(closedForMs)}`);
  if (tokens.cap === 0 || requests.cap === 0) notes.push('closed: a cap of 0 lets nothing out');
  if ([tokens, requests].some(({ cap, used }) => cap !== null && cap > 0 && used > cap))
    notes.push('more counts than its cap, which was lowered: nothing goes out until that has left');
  // At its own level only the Claw itself can wait, which is told below all levels.
  if (clawsWaiting > 0 && level !== 'claw')
    notes.push(`${count(clawsWaiting)} ${clawsWaiting === 1 ? 'Claw waits' : 'Claws wait'} here`);
  return notes;
}
