import { CodedError } from '#errors/coded-error.ts';
import { attemptOf } from '#task/fence.ts';
import { superseded } from '../limits/superseded.ts';
import type { Keys } from './keys.ts';
import type { Runner } from './runner.ts';
import type { Word, Words } from './words.ts';

interface FencesParts {
  readonly keys: Keys;
  readonly runner: Pick<Runner, 'run'>;
  readonly words: Words;
  readonly lifeMs: number;
}

/** Which attempt of a task gets permits, through which controller: Redis decides, and what was fenced here is remembered for when it has lost it. */
export class Fences {
  readonly #parts: FencesParts;
  /** By the key of each, the oldest first. */
  readonly #mine = new Map<string, { readonly fence: number; readonly at: number }>();

  constructor(parts: FencesParts) {
    this.#parts = parts;
  }

  /** Errors: `epoch_superseded` {takenOver} where a newer one has been fenced, `limiter_unavailable`. */
  async set(organisation: string, task: string, fence: number): Promise<void> {
    const { keys, runner, words } = this.#parts;
    const key = keys.fence(organisation, task);
    const { script, args } = this.#fenced(task, fence);
    const newest = await runner.run(script, [key], args);
    if (Number(newest) > fence) {
      this.#letGo(key, fence);
      throw superseded(fence, Number(newest));
    }
    this.#remember(key, fence);
    words.drop(key);
  }

  /**
   * As `set`, and where Redis cannot say so now it is told when it is back: until then it decides no call under this fence, since it knows an older one or none. Error: `epoch_superseded`.
   */
  async takeOver(organisation: string, task: string, fence: number): Promise<void> {
    const key = this.#parts.keys.fence(organisation, task);
    const mine = this.#mine.get(key)?.fence ?? 0;
    if (mine > fence) throw superseded(fence, mine);
    try {
      await this.set(organisation, task, fence);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'limiter_unavailable') throw error;
      this.#remember(key, fence);
      this.#parts.words.later(key, this.#fenced(task, fence));
    }
  }

  /** Redis does not know the fence: it is put back by who set it, and nobody else gets by. Errors: as `set`. */
  async putBack(organisation: string, task: string, fence: number): Promise<void> {
    const mine = this.#mine.get(this.#parts.keys.fence(organisation, task))?.fence;
    if (mine !== fence) throw superseded(fence, mine);
    await this.set(organisation, task, fence);
  }

  /** The attempt goes on elsewhere, or nowhere: this process asks for no more permits under this fence. */
  letGo(organisation: string, task: string, fence: number): void {
    this.#letGo(this.#parts.keys.fence(organisation, task), fence);
  }

  /**
   * The task is over. Never rejects: what Redis cannot hear now it is told when it is back, since calls of the task that nobody settles are under way until then.
   */
  async forget(organisation: string, task: string): Promise<void> {
    const { keys, words } = this.#parts;
    const key = keys.fence(organisation, task);
    this.#mine.delete(key);
    await words.tell(key, { script: 'forget', args: [task, keys.channel] });
  }

  /** The attempts before the one that has this fence are over, and who makes that one is not known yet. Never rejects, as `forget`. */
  async pass(organisation: string, task: string, fence: number): Promise<void> {
    const key = this.#parts.keys.fence(organisation, task);
    this.#mine.delete(key);
    await this.#parts.words.tell(key, this.#fenced(task, fence));
  }

  #letGo(key: string, fence: number): void {
    const mine = this.#mine.get(key);
    if (mine && mine.fence <= fence) this.#mine.delete(key);
  }

  /** And no more those that are older than any attempt, which nobody said were over. */
  #remember(key: string, fence: number): void {
    const at = performance.now();
    this.#mine.delete(key);
    this.#mine.set(key, { fence, at });
    for (const [oldest, mine] of this.#mine) {
      if (at - mine.at < 2 * this.#parts.lifeMs) break;
      this.#mine.delete(oldest);
    }
  }

  #fenced(task: string, fence: number): Word {
    const { keys, lifeMs } = this.#parts;
    return { script: 'fence', args: [fence, lifeMs, task, attemptOf(fence), keys.channel] };
  }
}
