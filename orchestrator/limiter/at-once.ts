import { CodedError } from '#errors/coded-error.ts';

interface Waiting {
  readonly letIn: () => void;
  readonly refuse: (why: CodedError) => void;
}

/**
 * So many questions to Redis at a time, the others in the order in which they came. Redis takes one after the other: of thousands that were put at once the
 * last would come so late that they count as unanswered.
 */
export class AtOnce {
  readonly #most: number;
  #waiting: Waiting[] = [];
  #running = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Errors: those of `task`; `limiter_unavailable`, without `task` being run, where that has just been the end of another: what keeps Redis from answering one keeps it from all. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#most) this.#running += 1;
    else await new Promise<void>((letIn, refuse) => this.#waiting.push({ letIn, refuse }));
    try {
      return await task();
    } catch (error) {
      if (error instanceof CodedError && error.code === 'limiter_unavailable') this.#refuseAll(error);
      throw error;
    } finally {
      const next = this.#waiting.shift();
      if (next) next.letIn();
      else this.#running -= 1;
    }
  }

  #refuseAll(why: CodedError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { refuse } of waiting) refuse(why);
  }
}
