import { stripVTControlCharacters } from 'node:util';
import { widthOf, type Output } from './terminal.ts';

/**
 * Lines at the end of a terminal that are drawn again and again over what they were, also where it has been made narrower or wider meanwhile: it breaks
 * the lines that it shows anew then. No more is drawn than it has rows, as what has left it at the top is out of reach.
 */
export class Redrawn {
  readonly #output: Output;
  #drawn: readonly string[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  draw(lines: readonly string[]): void {
    const columns = widthOf(this.#output) ?? Infinity;
    // The cursor stands in a row of its own below them.
    const room = (this.#output.rows || Infinity) - 1;
    const up = Math.min(rowsOf(this.#drawn, columns), room);
    const shown = fitting(lines, columns, room);
    this.#output.write(`${up > 0 ? `\x1b[${up}A` : ''}\r\x1b[J${shown.map((line) => `${line}\n`).join('')}`);
    this.#drawn = shown;
  }
}

/** So many of them, from the first on, as have room. */
function fitting(lines: readonly string[], columns: number, room: number): readonly string[] {
  let rows = 0;
  const first = lines.findIndex((line) => (rows += rowsOf([line], columns)) > room);
  return first === -1 ? lines : lines.slice(0, first);
}

function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce(
    (rows, line) => rows + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)),
    0,
  );
}
