import { coloursFor, widthOf, type Output, type Terminal } from './terminal.ts';

/**
 * Rows under their headings, cut to the width of a terminal at the widest column; never cut where the output is not a terminal. A terminal
 * too narrow for all columns gets a block of lines for each row.
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): string[] {
  const clean = rows.map((row) => row.map((cell) => cell.replace(/[\p{Cc}]+/gu, ' ')));
  const all = [headings, ...clean];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  if (columns !== undefined && !fit(widths, columns)) return blocks(headings, clean, columns);
  return all.map((row) =>
    widths
      .map((width, column) => cell(row[column] ?? '', width))
      .join('  ')
      .trimEnd(),
  );
}

const NARROWEST = 6;

/** Whether they fit, after the widest have given way. */
function fit(widths: number[], columns: number): boolean {
  const total = () => widths.reduce((sum, width) => sum + width, 0) + 2 * (widths.length - 1);
  while (total() > columns) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= NARROWEST) return false;
    widths[widest]! -= 1;
  }
  return true;
}

/** The first line is empty, in place of the headings. */
function blocks(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number,
): string[] {
  const label = Math.max(...headings.map((heading) => heading.length));
  const lines = rows.map((row) =>
    headings.flatMap((heading, column) => {
      const text = row[column] ?? '';
      return text === ''
        ? []
        : [`${heading.padEnd(label)}  ${cell(text, Math.max(NARROWEST, columns - label - 2)).trimEnd()}`];
    }),
  );
  return ['', ...lines.flatMap((block, index) => (index === 0 ? block : ['', ...block]))];
}

function cell(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

/** Writes the table with dim headings, or `empty` where there is no row. */
export function writeTable(
  terminal: Terminal,
  content: { headings: readonly string[]; rows: readonly (readonly string[])[]; empty: string },
  output: Output = terminal.stdout,
): void {
  if (content.rows.length === 0) {
    output.write(`${content.empty}\n`);
    return;
  }
  const [head, ...lines] = table(content.headings, content.rows, widthOf(output));
  output.write(
    `${head ? `${coloursFor(output, terminal.env).dim(head)}\n` : ''}${lines.map((line) => `${line}\n`).join('')}`,
  );
}
