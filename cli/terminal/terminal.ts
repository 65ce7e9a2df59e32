import pc from 'picocolors';

export interface Input extends NodeJS.ReadableStream {
  readonly isTTY?: boolean | undefined;
  setRawMode?(on: boolean): unknown;
}

export interface Output {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

/** Everything that a command sees of the world around it, so that a test can be that world. */
export interface Terminal {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls `listener` at Ctrl-C, SIGTERM and SIGHUP, instead of ending the process, until it is disposed. */
  onInterrupt(listener: () => void): Disposable;
  /** Calls `listener` when the terminal has another size, until it is disposed. */
  onResize(listener: () => void): Disposable;
}

export type Colours = ReturnType<typeof pc.createColors>;

/** Colours on a terminal only, and never where NO_COLOR is set (https://no-color.org). */
export function coloursFor(output: Output, env: Terminal['env']): Colours {
  const wanted = output.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return pc.createColors(wanted);
}

/** How wide a terminal is; one that does not know (0) is taken for 80 columns. `undefined` where the output is not a terminal. */
export function widthOf(output: Output): number | undefined {
  return output.isTTY ? output.columns || 80 : undefined;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    onInterrupt(listener) {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      for (const signal of signals) process.on(signal, listener);
      return {
        [Symbol.dispose]() {
          for (const signal of signals) process.off(signal, listener);
        },
      };
    },
    onResize(listener) {
      process.stdout.on('resize', listener);
      return { [Symbol.dispose]: () => void process.stdout.off('resize', listener) };
    },
  };
}
