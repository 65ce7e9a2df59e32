import { toCodedError } from '#errors/coded-error.ts';
import type { CageEnded, Runtime } from '#runtime/runtime.ts';
import type { Log } from '../log.ts';

interface Parts {
  readonly runtime: Pick<Runtime, 'events'>;
  /** Ends the attempt of that cage, and removes its container. */
  readonly lost: (ended: CageEnded) => Promise<void>;
  readonly log: Log;
}

/** Removals at once: an engine that lost hundreds of cages in one moment is busy enough. */
const AT_ONCE = 16;

/** Hears when cages end, and sees to each at once: one that takes long holds up only its own lane. What is missed the rounds find. */
export class CageEnds {
  readonly #parts: Parts;
  readonly #waiting: CageEnded[] = [];
  readonly #lanes = new Set<Promise<void>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Until the signal; resolves when what was begun has ended. Never rejects. */
  async watch(signal: AbortSignal): Promise<void> {
    const { runtime, log } = this.#parts;
    try {
      for await (const ended of runtime.events(signal)) {
        this.#waiting.push(ended);
        if (this.#lanes.size < AT_ONCE) this.#openLane(signal);
      }
    } catch (error) {
      if (!signal.aborted)
        log.warn({ code: toCodedError(error).code }, 'the engine tells no more ends; rounds still find them');
    }
    await Promise.all(this.#lanes);
  }

  #openLane(signal: AbortSignal): void {
    const lane = this.#work(signal).finally(() => this.#lanes.delete(lane));
    this.#lanes.add(lane);
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let ended = this.#waiting.shift(); ended; ended = this.#waiting.shift()) {
      if (signal.aborted) return;
      try {
        await this.#parts.lost(ended);
      } catch (error) {
        const { code } = toCodedError(error);
        this.#parts.log.warn({ cage: ended.cageId, code }, 'the end of a cage is dealt with later');
      }
    }
  }
}
