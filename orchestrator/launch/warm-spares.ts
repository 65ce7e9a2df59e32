import type { Log } from '../log.ts';
import type { CagesStore } from '../store/cages-store.ts';
import type { ClawRow, ClawsStore } from '../store/claws-store.ts';
import type { OrganisationsStore } from '../store/organisations-store.ts';
import type { Room } from '../room/room.ts';
import type { CageKeeper, CageOwner } from './cage-keeper.ts';
import { resourcesOf } from './resources-of.ts';
import { toCodedError } from '#errors/coded-error.ts';

interface Parts {
  readonly keeper: CageKeeper;
  readonly cages: CagesStore;
  readonly claws: ClawsStore;
  readonly organisations: Pick<OrganisationsStore, 'byId'>;
  readonly room: Pick<Room, 'enter'>;
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
    return keeper.retire(organisation, spare.id);
  }

  /** Ends the spares by which an organisation has more cages than it may have at once, as that number may have been lowered. Tasks are left alone. */
  async endAbove(organisation: string): Promise<void> {
    const { cages, organisations, keeper } = this.#parts;
    const most = (await organisations.byId(organisation))?.maxCages ?? null;
    if (most === null) return;
    // What is ending, or verifies a key, is gone in a moment.
    const present = (await cages.list(organisation)).filter(
      ({ state, purpose }) => state !== 'ending' && purpose === 'task',
    );
    const spares = present.filter(({ state }) => state === 'warm');
    // One that a task has got meanwhile is not replaced by another: what is above then goes with the next round.
    for (const { id } of spares.slice(0, Math.max(0, present.length - most)))
      await keeper.retire(organisation, id);
  }

  /** `endAbove`, without waiting and without failing: the reconciler does it, too. */
  endAboveLater(organisation: string): void {
    this.endAbove(organisation).catch((error: unknown) => {
      this.#parts.log.warn({ code: toCodedError(error).code }, 'spares could not be ended yet');
    });
  }

  /** Ends the Claw's warm cages and makes a spare anew, of what the Claw is now. */
  async replace(owner: CageOwner & { claw: string }): Promise<void> {
    await this.drain(owner);
    this.fillLater(owner);
  }

  /** Ends the spares of a Claw. */
  async drain(owner: CageOwner & { claw: string }): Promise<void> {
    const { cages, keeper } = this.#parts;
    await this.#making.get(owner.claw)?.catch(() => undefined);
    for (const row of await cages.warmOf(owner.organisation, owner.claw))
      await keeper.retire(owner.organisation, row.id);
  }

  async #make(owner: CageOwner & { claw: string }): Promise<void> {
    const { cages, claws, keeper } = this.#parts;
    const claw = await claws.byId(owner.organisation, owner.claw);
    if (claw?.state !== 'deployed' || keeper.isWanted(owner.organisation) || !(await this.#wants(claw)))
      return;
    const leave = await this.#parts.room.enter(resourcesOf(claw.resources).memoryBytes);
    if (typeof leave === 'string') return;
    const cage = await keeper.spare(claw, this.#parts.perClaw).finally(leave);
    if (!cage) return;
    try {
      if (!(await cages.ready(owner.organisation, cage.cageId, keeper.holder)))
        return void (await keeper.end(owner.organisation, cage.cageId));
    } catch (error) {
      await keeper.end(owner.organisation, cage.cageId);
      throw error;
    }
    // Who changed, stopped or deleted the Claw meanwhile did not find it among the warm ones.
    const now = await claws.byId(owner.organisation, owner.claw);
    if (now?.state !== 'deployed' || now.updatedAt > cage.madeFor)
      await keeper.retire(owner.organisation, cage.cageId);
  }

  /** A first look, without a lock: see PlacesStore.takeForSpare. */
  async #wants({ organisation, id, reuse }: ClawRow): Promise<boolean> {
    const { cages, perClaw } = this.#parts;
    const present =
      reuse === 'claw'
        ? await cages.countOf(organisation, id)
        : (await cages.warmOf(organisation, id)).length;
    return present < perClaw;
  }
}
