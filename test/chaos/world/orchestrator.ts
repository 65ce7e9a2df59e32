import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT } from '../../../ops/image-tags.ts';

const READY_MS = 60_000;
const TRY_AGAIN_MS = 500;

/** One orchestrator as a process; what it prints goes into a file. */
export class Orchestrator {
  readonly name: string;
  readonly url: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #logFile: string;
  readonly #onCrash: (name: string) => void;
  #child: ChildProcess | undefined;
  #isWanted = false;

  /** `onCrash`: it ended by itself after it was ready, which it never should. It is started again, as a supervisor would do it. */
  constructor(
    name: string,
    port: number,
    folder: string,
    env: Readonly<Record<string, string>>,
    onCrash: (name: string) => void,
  ) {
    this.name = name;
    this.#onCrash = onCrash;
    this.url = `http://127.0.0.1:${port}`;
    this.#logFile = join(folder, `${name}.out`);
    this.#env = { PATH: process.env['PATH'] ?? '', CLAWCAGE_PORT: String(port), ...env };
  }

  get isUp(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it, and again where it ends before it was ready (a database or an engine that is away); resolves when it is ready. */
  async up(): Promise<void> {
    this.#isWanted = true;
    const end = performance.now() + READY_MS;
    for (;;) {
      if (await this.#start()) return;
      if (!this.#isWanted || performance.now() > end)
        throw new Error(
          `${this.name} did not become ready:\n${readFileSync(this.#logFile, 'utf8').slice(-2000)}`,
        );
      await pause(TRY_AGAIN_MS);
    }
  }

  /** SIGTERM in order, SIGKILL as a crash; resolves when it is gone. */
  async down(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#isWanted = false;
    const child = this.#child;
    if (!child || !this.isUp) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    // One that was stopped takes a signal only when it goes on, but for SIGKILL.
    child.kill('SIGCONT');
    await gone;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.isUp) this.#child?.kill(signal);
  }

  /** Whether it became ready. */
  async #start(): Promise<boolean> {
    const errors = openSync(this.#logFile, 'a');
    const child = spawn(process.execPath, [join(ROOT, 'orchestrator/main.ts')], {
      env: this.#env,
      stdio: ['ignore', 'pipe', errors],
    });
    this.#child = child;
    const ended = once(child, 'exit').then(() => false);
    const ready = Promise.withResolvers<boolean>();
    createInterface(child.stdout!).on('line', (line) => {
      appendFileSync(this.#logFile, `${line}\n`);
      if (line.includes('"event":"ready"')) ready.resolve(true);
    });
    const isReady = await Promise.race([ended, ready.promise]);
    if (isReady) void ended.then(() => this.#crashed(child));
    return isReady;
  }

  #crashed(child: ChildProcess): void {
    if (!this.#isWanted || child !== this.#child) return;
    this.#onCrash(`${this.name} with ${child.exitCode ?? child.signalCode}`);
    this.up().catch(() => undefined);
  }
}
