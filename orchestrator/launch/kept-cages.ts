import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { FromCage } from '#protocol/link-messages.ts';
import type { Log } from '../log.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { Store } from '../store/store.ts';
import type { CageKeeper } from './cage-keeper.ts';
import type { LiveCage } from './live-cage.ts';

interface Parts {
  readonly store: Store;
  readonly keeper: CageKeeper;
  readonly log: Log;
}

type Ready = Extract<FromCage, { type: 'ready' }>;

/** How long a cage may take to be emptied and proven anew. */
const READY_MS = 20_000;

/**
 * Cages of Claws with `reuse: claw`, between their tasks: emptied, proven anew, kept for the Claw's next task until its idle time is over. A cage that cannot
 * be emptied, or whose Claw was changed, stopped or deleted since it was made, is ended.
 */
export class KeptCages {
  readonly #parts: Parts;
  readonly #emptying = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Whether it will be there again in a moment. */
  isEmptying(cageId: string): boolean {
    return this.#emptying.has(cageId);
  }

  /** After the result of its task, while that is handled: kept where it may be, else ended. Never rejects. */
  async keepOrEnd(organisation: string, claw: string, cage: LiveCage): Promise<void> {
    const { keeper, log } = this.#parts;
    this.#emptying.add(cage.cageId);
    const kept = await this.#keep(organisation, claw, cage).catch((error: unknown) => {
      log.warn({ cage: cage.cageId, code: toCodedError(error).code }, 'a cage could not be kept');
      return false;
    });
    if (!kept) await keeper.end(organisation, cage.cageId);
    this.#emptying.delete(cage.cageId);
  }

  async #keep(organisation: string, claw: string, cage: LiveCage): Promise<boolean> {
    const { store, keeper } = this.#parts;
    const acknowledged = cage.quiet();
    const mayKeep = () => this.#mayKeep(organisation, claw, cage);
    if (!(await mayKeep())) return false;
    await this.#empty(cage, acknowledged);
    if (!(await mayKeep()) || !(await store.cages.keep(organisation, cage.cageId, keeper.holder)))
      return false;
    // Who changed, stopped or deleted the Claw in this very moment did not find the cage among the warm ones.
    if (!(await mayKeep())) await keeper.retire(organisation, cage.cageId);
    return true;
  }

  /** Ends those whose idle time is over. */
  async endIdle(claw: ClawRow): Promise<void> {
    if (claw.reuse !== 'claw') return;
    const { store, keeper } = this.#parts;
    for (const row of await store.cages.warmOf(claw.organisation, claw.id)) {
      const live = keeper.live(row.id);
      // Those of another are its to end; one of ours without a link is ended, or taken over, elsewhere.
      if (live && performance.now() - live.readySinceMs >= claw.idleMs)
        await keeper.retire(claw.organisation, row.id);
    }
  }

  async #mayKeep(organisation: string, id: string, cage: LiveCage): Promise<boolean> {
    const { store } = this.#parts;
    const claw = await store.claws.byId(organisation, id);
    if (claw?.reuse !== 'claw' || claw.state !== 'deployed' || claw.updatedAt > cage.madeFor) return false;
    return (await store.cages.countOf(organisation, id)) <= claw.concurrency;
  }

  async #empty(cage: LiveCage, acknowledged: Promise<void>): Promise<void> {
    const answered = Promise.withResolvers<Ready>();
    const late = setTimeout(
      () => answered.reject(new CodedError('cage_start_failed', { reason: 'it was not emptied in time' })),
      READY_MS,
    );
    const begun = acknowledged.then(() => {
      cage.handle(async (message) => {
        if (message.type === 'ready') answered.resolve(message);
      });
      cage.send({ type: 'reset' });
    });
    begun.catch(answered.reject);
    const { meterPublicKey, proof } = await answered.promise.finally(() => clearTimeout(late));
    if (!proof.ok) throw new CodedError('cage_unproven');
    cage.renew({ meterPublicKey, proof });
  }
}
