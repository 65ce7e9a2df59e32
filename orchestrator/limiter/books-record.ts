import type { Opening } from './opening.ts';

/** What is written down while nothing is permitted, with the moment of Redis' clock from which it is again where that is known: no books are called so, thus whoever starts then closes as well. */
const CLOSED = 'closed';
const AGAIN_MS = 1_000;

interface BooksRecordParts {
  readonly opening: Pick<Opening, 'remainingMs'>;
  /** What Redis' clock says at the latest when so much time has passed; undefined where it is not known. */
  readonly redisTimeIn: (ms: number) => number | undefined;
  readonly write: (books: string) => void | Promise<void>;
}

/**
 * Writes down, outside of Redis, which books can be trusted: those that answer, and only once what they may lack counts no longer. So an
 * orchestrator that dies while it is closed is followed by one that is, for the rest of the time. What could not be written is tried again.
 */
export class BooksRecord {
  readonly #parts: BooksRecordParts;
  #identity: string | undefined;
  #opensTimer: NodeJS.Timeout | undefined;
  #againTimer: NodeJS.Timeout | undefined;
  #wanted: string | undefined;
  #isWriting = false;

  constructor(parts: BooksRecordParts) {
    this.#parts = parts;
  }

  identified(identity: string): void {
    this.#identity = identity;
    this.changed();
  }

  /** It was closed. */
  changed(): void {
    clearTimeout(this.#opensTimer);
    if (this.#identity === undefined) return;
    const closedMs = this.#parts.opening.remainingMs();
    if (closedMs > 0) this.#opensTimer = setTimeout(() => this.changed(), closedMs + 1).unref();
    this.#wanted = closedMs > 0 ? this.#closedFor(closedMs) : this.#identity;
    if (!this.#isWriting) void this.#write();
  }

  stop(): void {
    clearTimeout(this.#opensTimer);
    clearTimeout(this.#againTimer);
    this.#wanted = undefined;
  }

  #closedFor(ms: number): string {
    const opensMs = this.#parts.redisTimeIn(ms);
    return opensMs === undefined ? CLOSED : `${CLOSED} ${opensMs} ${this.#identity}`;
  }

  async #write(): Promise<void> {
    let written: string | undefined;
    this.#isWriting = true;
    while (this.#wanted !== undefined && this.#wanted !== written) {
      const wanted = this.#wanted;
      try {
        await this.#parts.write(wanted);
        written = wanted;
      } catch {
        await new Promise<void>((resolve) => {
          this.#againTimer = setTimeout(resolve, AGAIN_MS).unref();
        });
      }
    }
    this.#isWriting = false;
  }
}

/** What was written down while these very books were closed: from which moment of Redis' clock on they can be trusted; undefined where it says nothing of the kind. */
export function opensAt(written: string, identity: string): number | undefined {
  const [closed, opensMs, books] = written.split(' ');
  return closed === CLOSED && books === identity ? Number(opensMs) : undefined;
}
