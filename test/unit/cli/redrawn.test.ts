import { describe, expect, it } from 'vitest';
import { Redrawn } from '../../../cli/terminal/redrawn.ts';

/** The rows of a terminal with what stood there before; where its width changes it breaks its lines anew, as terminals do. */
class Screen {
  readonly isTTY = true;
  columns: number;
  rows: number;
  /** Lines as they were written; the cursor stands in an empty one below them. */
  #lines: string[];

  constructor(columns: number, rows: number, before: string[]) {
    this.columns = columns;
    this.rows = rows;
    this.#lines = before;
  }

  write(text: string): void {
    const [back = '', drawn = ''] = text.split('\r\x1b[J');
    const up = Number(/\d+(?=A)/.exec(back)?.[0] ?? 0);
    const rows = this.#rows();
    // What has left the screen at the top cannot be reached.
    const kept = rows.slice(0, Math.max(rows.length - up, rows.length + 1 - this.rows, 0));
    this.#lines = [...kept, ...drawn.split('\n').slice(0, -1)];
  }

  get text(): string[] {
    return this.#rows();
  }

  #rows(): string[] {
    const broken = new RegExp(`.{1,${this.columns}}`, 'g');
    return this.#lines.flatMap((line) => line.match(broken) ?? ['']);
  }
}

describe('lines that are drawn again', () => {
  it('stand where they stood, below what was there before', () => {
    const screen = new Screen(10, 24, ['before']);
    const place = new Redrawn(screen);
    place.draw(['one', '', 'three']);
    place.draw(['uno']);
    place.draw(['ett', 'två']);
    expect(screen.text).toEqual(['before', 'ett', 'två']);
  });

  it('leave nothing of themselves where the terminal was made narrower, and then wider', () => {
    const screen = new Screen(20, 24, ['before']);
    const place = new Redrawn(screen);
    place.draw(['a line of 20 columns', 'short']);
    screen.columns = 7;
    expect(screen.text).toHaveLength(5);
    place.draw(['narrow', 'but too long']);
    expect(screen.text).toEqual(['before', 'narrow', 'but too', ' long']);
    screen.columns = 30;
    place.draw(['wide']);
    expect(screen.text).toEqual(['before', 'wide']);
  });

  it('are no more than the terminal has rows for, so that none is drawn twice', () => {
    const screen = new Screen(10, 4, []);
    const place = new Redrawn(screen);
    const lines = ['one', 'two is long', 'three', 'four'];
    place.draw(lines);
    place.draw(lines);
    expect(screen.text).toEqual(['one', 'two is lon', 'g']);
  });

  it('are as wide as they look: colours take no room', () => {
    const written: string[] = [];
    const place = new Redrawn({ isTTY: true, columns: 5, write: (text) => written.push(text) });
    place.draw(['\x1b[36m█████\x1b[39m']);
    place.draw([]);
    expect(written.at(-1)).toBe('\x1b[1A\r\x1b[J');
  });
});
