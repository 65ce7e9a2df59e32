import { createHash } from 'node:crypto';
import type { Fault } from './script.ts';

const MOST_REMEMBERED = 10_000;

/**
 * Counts how often the same request (of a conversation: its messages) was sent with the same key, which is the one thing about a script that the conversation
 * cannot tell: `times N`. After the request that gets through, counting starts again, so a script can be repeated.
 */
export class Attempts {
  readonly #failed = new Map<string, number>();

  /** The fault that strikes this request, if one does: faults strike in their order, each for its number of times. */
  strike(key: string, request: unknown, faults: readonly Fault[]): Fault | undefined {
    if (faults.length === 0) return undefined;
    const id = createHash('sha256')
      .update(JSON.stringify([key, request]))
      .digest('base64');
    const before = this.#failed.get(id) ?? 0;
    this.#failed.delete(id);
    let reached = 0;
    const struck = faults.find((fault) => before < (reached += fault.times));
    if (struck !== undefined) this.#remember(id, before + 1);
    return struck;
  }

  #remember(id: string, failed: number): void {
    this.#failed.set(id, failed);
    for (const oldest of this.#failed.keys()) {
      if (this.#failed.size <= MOST_REMEMBERED) break;
      this.#failed.delete(oldest);
    }
  }
}
