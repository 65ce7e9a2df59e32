import { toCodedError } from '#errors/coded-error.ts';
import type { Log } from '../log.ts';

interface Parts {
  readonly log: Pick<Log, 'warn'>;
  readonly tryAgainMs?: number;
  readonly most?: number;
}

const TRY_AGAIN_MS = 500;
/** Some hundred bytes each. */
const MOST = 100_000;

/** Nothing was written, and nothing is wrong with what was to be. */
const AWAY: readonly string[] = ['store_unavailable', 'store_full'];

/**
 * Writes that an attempt under way must not wait for: where the database does not take one now, it is kept in memory and written, in order, as soon as it is taken. Each must be one that may
 * happen twice. Kept as long as this process lives.
 */
export class LaterWrites {
  readonly #parts: Parts;
  readonly #kept: (() => Promise<unknown>)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get waiting(): number {
    return this.#kept.length;
  }

  /** Written, or kept; throws what the write throws where the database is not away, or too many are kept already. */
  async write(work: () => Promise<unknown>): Promise<void> {
    if (this.#kept.length === 0) {
      try {
        return void (await work());
      } catch (error) {
        if (!isAway(error) || this.#closed) throw error;
        this.#parts.log.warn(
          { code: toCodedError(error).code },
          'counts are kept until the database takes them',
        );
      }
    }
    if (this.#closed || this.#kept.length >= (this.#parts.most ?? MOST)) await this.flush();
    this.#kept.push(work);
    this.#later();
  }

  /** Writes all that is kept; throws where the database does not take it now. For what depends on it. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  /** A last try; what the database does not take then is lost with this process, and told. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.flush().catch(() => undefined);
    if (this.waiting > 0)
      this.#parts.log.warn({ writes: this.waiting }, 'counts were lost: no database took them');
  }

  async #flush(): Promise<void> {
    for (let work = this.#kept[0]; work !== undefined; work = this.#kept[0]) {
      try {
        await work();
      } catch (error) {
        if (isAway(error)) throw error;
        this.#parts.log.warn({ code: toCodedError(error).code }, 'a kept write was refused');
      }
      this.#kept.shift();
    }
  }

  #later(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush().catch(() => this.#later());
    }, this.#parts.tryAgainMs ?? TRY_AGAIN_MS);
  }
}

const isAway = (error: unknown): boolean => AWAY.includes(toCodedError(error).code);
