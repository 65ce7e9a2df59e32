import { coloursFor, widthOf, type Terminal } from './terminal.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

/** One moving line on stderr while something takes its time; nothing at all where stderr is not a terminal. */
export class Spinner {
  readonly #terminal: Terminal;
  #timer: NodeJS.Timeout | undefined;
  #text = '';
  #frame = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(text: string): void {
    if (!this.#terminal.stderr.isTTY) return;
    this.#text = text;
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), FRAME_MS);
    this.#timer.unref();
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#terminal.stderr.write('\r\x1b[2K');
  }

  #draw(): void {
    const { stderr, env } = this.#terminal;
    const colours = coloursFor(stderr, env);
    const room = (widthOf(stderr) ?? 80) - 4;
    const frame = FRAMES[this.#frame++ % FRAMES.length]!;
    stderr.write(`\r\x1b[2K${colours.cyan(frame)} ${this.#text.slice(0, room)}`);
  }
}
