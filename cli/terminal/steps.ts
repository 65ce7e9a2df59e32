import type { Cli } from '../cli.ts';
import { Spinner } from './spinner.ts';
import { coloursFor, type Colours } from './terminal.ts';
import { seconds } from './words.ts';

const NAME_WIDTH = 44;

/** What a long command does, a line for each step with its time; the one that runs moves on a terminal. */
export class Steps {
  readonly #cli: Cli;
  readonly #silent: boolean;
  readonly #spinner: Spinner;
  readonly #colours: Colours;

  constructor(cli: Cli, options: { silent: boolean }) {
    this.#cli = cli;
    this.#silent = options.silent;
    this.#spinner = new Spinner(cli.terminal);
    this.#colours = coloursFor(cli.terminal.stdout, cli.terminal.env);
  }

  title(text: string): void {
    this.line(this.#colours.bold(text));
  }

  begin(name: string): void {
    if (!this.#silent) this.#spinner.show(name);
  }

  done(name: string, ms: number): void {
    const clean = name.replace(/[\p{Cc}]+/gu, ' ');
    this.line(
      `  ${this.#colours.green('✓')} ${clean.padEnd(NAME_WIDTH)} ${this.#colours.dim(seconds(ms).padStart(8))}`,
    );
  }

  line(text: string): void {
    if (this.#silent) return;
    this.#spinner.clear();
    this.#cli.terminal.stdout.write(`${text}\n`);
  }

  /** Runs and times one step. */
  async timed<T>(name: string, work: () => Promise<T>, doneName: string = name): Promise<T> {
    this.begin(name);
    const started = performance.now();
    try {
      const value = await work();
      this.done(doneName, performance.now() - started);
      return value;
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#spinner.clear();
  }
}
