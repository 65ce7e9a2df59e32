import type { Log } from '../log.ts';
import type { CagesStore } from '../store/cages-store.ts';
import type { CageKeeper, CageOwner } from './cage-keeper.ts';
import type { LiveCage } from './live-cage.ts';
import { toCodedError } from '#errors/coded-error.ts';

interface Parts {
  readonly keeper: CageKeeper;
  readonly cages: CagesStore;
  /** Spares a deployed Claw keeps: 0 or 1. */
  readonly perClaw: number;
  readonly log: Log;
}

/** A started cage without task or key for each deployed Claw, so that a task need not wait for a start. */
export class WarmSpares {
  readonly #parts: Parts;
  /** Claws for which one is being made, so that two callers do not make two. */
  readonly #making = new Map<string, Promise<void>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The Claw's spare, taken for the task: nobody else gets it. `undefined` where there is none that lives. */
  async claim(owner: CageOwner & { claw: string }, task: string): Promise<LiveCage | undefined> {
    const { cages, keeper } = this.#parts;
    const row = await cages.claimWarm(owner.organisation, owner.claw, task);
    if (!row) return undefined;
    const live = keeper.live(row.id);
    if (!live) await keeper.end(owner.organisation, row.id);
    return live;
  }

  /** Makes the spare that is missing; waits for it. Safe to call at any time. Throws what opening throws. */
  async fill(owner: CageOwner & { claw: string }): Promise<void> {
    const pending = this.#making.get(owner.claw);
    if (pending) return pending;
    const making = this.#make(owner).finally(() => this.#making.delete(owner.claw));
    this.#making.set(owner.claw, making);
    return making;
  }

  /** `fill`, without waiting and without failing: the next task starts cold then. */
  fillLater(owner: CageOwner & { claw: string }): void {
    this.fill(owner).catch((error: unknown) => {
      this.#parts.log.warn(
        { claw: owner.claw, code: toCodedError(error).code },
        'no warm spare could be made',
      );
    });
  }

  /** Gives up one spare, whosever it is, for a task that finds no place; false where there is none. */
  async giveUpOne(organisation: string): Promise<boolean> {
    const { cages, keeper } = this.#parts;
    const spare = (await cages.list(organisation)).find((row) => row.state === 'warm');
    if (!spare) return false;
    await keeper.end(organisation, spare.id);
    return true;
  }

  /** Ends the spares of a Claw. */
  async drain(owner: CageOwner & { claw: string }): Promise<void> {
    const { cages, keeper } = this.#parts;
    await this.#making.get(owner.claw)?.catch(() => undefined);
    for (const row of await cages.warmOf(owner.organisation, owner.claw))
      await keeper.end(owner.organisation, row.id);
  }

  async #make(owner: CageOwner & { claw: string }): Promise<void> {
    const { cages, keeper, perClaw } = this.#parts;
    const present = await cages.warmOf(owner.organisation, owner.claw);
    if (present.length >= perClaw || keeper.full || keeper.wanted) return;
    const cage = await keeper.open(owner, 'task');
    await cages.setState(owner.organisation, cage.cageId, 'warm');
  }
}
