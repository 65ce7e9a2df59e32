import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { runCli } from '../../cli/run-cli.ts';
import type { Output, Terminal } from '../../cli/terminal/terminal.ts';

const root = join(import.meta.dirname, '../..');

/** The simulator and the example are the real ones; the service is a small one that speaks the same lines. */
export const PROGRAMS = {
  service: join(root, 'test/support/fake-service.ts'),
  backup: join(root, 'orchestrator/backup-main.ts'),
  simulator: join(root, 'provider-sim/main.ts'),
  example: join(root, 'examples/word-counter'),
};

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A terminal in memory: what was written, and a way to type, to press Ctrl-C and to change its size. */
export class TestTerminal implements Terminal {
  readonly stdin: PassThrough & { isTTY?: boolean; setRawMode?: (on: boolean) => void } = new PassThrough();
  readonly env: Record<string, string | undefined>;
  readonly #written = { stdout: '', stderr: '' };
  readonly #interrupts = new Set<() => void>();
  readonly #tty: boolean;
  readonly #resizes = new Set<() => void>();
  #size: { columns: number; rows?: number };
  readonly rawModes: boolean[] = [];

  constructor(options: { env?: Record<string, string | undefined>; tty?: boolean; columns?: number } = {}) {
    this.env = options.env ?? {};
    this.#size = { columns: options.columns ?? 80 };
    this.#tty = options.tty ?? false;
    if (!this.#tty) return;
    this.stdin.isTTY = true;
    this.stdin.setRawMode = (on) => void this.rawModes.push(on);
  }

  get stdout() {
    return this.#output('stdout');
  }

  get stderr() {
    return this.#output('stderr');
  }

  get written(): { readonly stdout: string; readonly stderr: string } {
    return this.#written;
  }

  onInterrupt(listener: () => void): Disposable {
    this.#interrupts.add(listener);
    return { [Symbol.dispose]: () => void this.#interrupts.delete(listener) };
  }

  #output(name: 'stdout' | 'stderr'): Output {
    const [written, size] = [this.#written, () => this.#size];
    return {
      isTTY: this.#tty,
      get columns() {
        return size().columns;
      },
      get rows() {
        return size().rows;
      },
      write: (text) => void (written[name] += text),
    };
  }

  pressCtrlC(): void {
    for (const listener of this.#interrupts) listener();
  }

  onResize(listener: () => void): Disposable {
    this.#resizes.add(listener);
    return { [Symbol.dispose]: () => void this.#resizes.delete(listener) };
  }

  resize(columns: number, rows?: number): void {
    this.#size = { columns, ...(rows !== undefined && { rows }) };
    for (const listener of this.#resizes) listener();
  }

  get listensForCtrlC(): boolean {
    return this.#interrupts.size > 0;
  }

  get listensForSize(): boolean {
    return this.#resizes.size > 0;
  }
}

/** A home of its own, removed at the end of the test. */
export function scratchHome(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'clawcage-cli-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A home whose service, by its pid file and token, is the given one. */
export function homeOf(path: string, service: { url: string; token: string; pid?: number }): void {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'admin-token'), `${service.token}\n`, { mode: 0o600 });
  writeFileSync(
    join(path, 'clawcage.pid'),
    JSON.stringify({ pid: service.pid ?? process.pid, url: service.url }),
  );
}

/** Starts a command line in this process; `ended` is its outcome, `terminal` what it sees meanwhile. */
export function startCli(
  argv: readonly string[],
  options: { env: Record<string, string | undefined>; stdin?: string; tty?: boolean; columns?: number },
) {
  const terminal = new TestTerminal(options);
  if (options.stdin !== undefined) terminal.stdin.end(options.stdin);
  const ended: Promise<Ran> = runCli(argv, terminal, PROGRAMS).then((code) => ({
    code,
    ...terminal.written,
  }));
  return { terminal, ended };
}

/** Runs a command line in this process to its end. */
export function cli(
  argv: readonly string[],
  options: { env: Record<string, string | undefined>; stdin?: string; tty?: boolean; columns?: number },
): Promise<Ran> {
  return startCli(argv, options).ended;
}
