import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LimiterOptions } from '../../../orchestrator/limiter/limiter-options.ts';
import type { Answered, Asked } from './limiter.child.ts';

const CHILD = fileURLToPath(new URL('limiter.child.ts', import.meta.url));

/** The process that was asked has died: what it did is not known. */
export class Died extends Error {}

/** A limiter in a process of its own. What is asked of one that dies rejects with `Died`, at once. */
export class LimiterProcess {
  readonly #child: ChildProcess;
  readonly #asked = new Map<number, PromiseWithResolvers<Answered>>();
  #count = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (answer: Answered) => {
      this.#asked.get(answer.id)?.resolve(answer);
      this.#asked.delete(answer.id);
    });
    // What could not be told to one that dies is rejected by its exit.
    child.on('error', () => undefined);
    child.on('exit', () => {
      for (const { reject } of this.#asked.values()) reject(new Died());
      this.#asked.clear();
    });
  }

  static async start(socket: string, options: LimiterOptions): Promise<LimiterProcess> {
    const child = fork(CHILD, [socket, JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const started = new LimiterProcess(child);
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) =>
        Promise.reject(new Error(`A limiter ended at its start: ${code}`)),
      ),
    ]);
    return started;
  }

  get isUp(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.connected;
  }

  /** Throws `Died`, or an error with the limiter's code as its message. */
  async ask(asked: Asked): Promise<Answered> {
    if (!this.isUp) throw new Died();
    const id = (this.#count += 1);
    const answer = Promise.withResolvers<Answered>();
    this.#asked.set(id, answer);
    this.#child.send({ id, asked }, () => undefined);
    const answered = await answer.promise;
    if (answered.error !== undefined) throw new Error(answered.error);
    return answered;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    if (!this.isUp) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
