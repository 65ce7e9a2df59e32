import { coloursFor, widthOf, type Output, type Terminal } from './terminal.ts';

/** Rows under their headings, cut to the width of a terminal at the widest column; never cut where the output is not a terminal. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): string[] {
  const clean = rows.map((row) => row.map((cell) => cell.replace(/[\p{Cc}]+/gu, ' ')));
  const all = [headings, ...clean];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  if (columns !== undefined) fit(widths, columns);
  return all.map((row) =>
    widths
      .map((width, column) => cell(row[column] ?? '', width))
      .join('  ')
      .trimEnd(),
  );
}

const NARROWEST = 6;

function fit(widths: number[], columns: number): void {
  const total = () => widths.reduce((sum, width) => sum + width, 0) + 2 * (widths.length - 1);
  while (total() > columns) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= NARROWEST) return;
    widths[widest]! -= 1;
  }
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
    `${coloursFor(output, terminal.env).dim(head ?? '')}\n${lines.map((line) => `${line}\n`).join('')}`,
  );
}
