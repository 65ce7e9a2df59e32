import { toCodedError } from '#errors/coded-error.ts';
import type { Log } from '../log.ts';
import type { DispatchQueue } from '../queue/dispatch-queue.ts';
import type { Store } from '../store/store.ts';

interface Parts {
  readonly store: Store;
  readonly queue: DispatchQueue;
  readonly log: Log;
}

/** Puts waiting tasks into the queue again when what they waited for may have changed. A dispatch too many is harmless. */
export class Dispatcher {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Every Claw's. */
  async pokeAll(organisation: string): Promise<void> {
    const { store, log } = this.#parts;
    try {
      for (const claw of await store.claws.list(organisation)) await this.poke(organisation, claw.id);
    } catch (error) {
      log.warn({ code: toCodedError(error).code }, 'waiting tasks could not be dispatched yet');
    }
  }

  /** Of the Claw's waiting tasks those that are next, as many as it has places for. */
  async poke(organisation: string, claw: string): Promise<void> {
    const { store, queue, log } = this.#parts;
    try {
      const row = await store.claws.byId(organisation, claw);
      if (row?.state !== 'deployed') return;
      const free = row.concurrency - (await store.tasks.countActive(organisation, claw));
      if (free <= 0) return;
      for (const task of await store.tasks.oldestQueued(organisation, claw, free)) {
        await queue.add({ organisation, task: task.id, epoch: task.epoch, priority: task.priority });
      }
    } catch (error) {
      log.warn({ claw, code: toCodedError(error).code }, 'waiting tasks could not be dispatched yet');
    }
  }
}
