import { randomFillSync } from 'node:crypto';
import { CodedError } from '#errors/coded-error.ts';
import type { Bootstrap } from '#protocol/bootstrap.ts';
import type { FromCage } from '#protocol/link-messages.ts';
import { LINK_SECRET_BYTES } from '#protocol/link-tls.ts';
import { DEFAULT_RESOURCES, type Runtime } from '#runtime/runtime.ts';
import { offHeap, Secret } from '#secret/secret.ts';
import type { Vault } from '#vault/vault.ts';
import type { CapabilityIssuer } from '../link/capabilities.ts';
import { dialLink } from '../link/dial-link.ts';
import type { Log } from '../log.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { CageRow, CagesStore } from '../store/cages-store.ts';
import { LiveCage } from './live-cage.ts';
import { resourcesOf } from './resources-of.ts';

export interface CageOwner {
  readonly organisation: string;
  /** Null for the short cage that verifies a key. */
  readonly claw: string | null;
}

interface Parts {
  readonly runtime: Runtime;
  readonly cages: CagesStore;
  readonly vault: Vault;
  readonly capabilities: CapabilityIssuer;
  /** Of a cage whose Claw names none. */
  readonly image: string;
  readonly orphanMs: number;
  readonly maxCages: number;
  /** Somebody found no place, and now there is one. */
  readonly onPlace: (organisation: string) => void;
  readonly log: Log;
}

/**
 * What may come a second time after a crash, since each is known by its call's id: a write of the number for each of them would be most of what a model
 * call costs the database.
 */
const REPEATABLE = new Set<FromCage['type']>([
  'event',
  'permit_request',
  'permit_abandoned',
  'sent',
  'settle',
  'function_call',
  'function_call_over',
  'pong',
]);

/** How long a cage may take from its creation to its first word. */
const HELLO_MS = 30_000;

/** Opens cages, takes over those of an earlier start, ends them; the only maker of links. */
export class CageKeeper {
  readonly #parts: Parts;
  readonly #live = new Map<string, LiveCage>();
  #opening = 0;
  #held = 0;
  #wanted = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get full(): boolean {
    return this.#live.size + this.#opening + this.#held >= this.#parts.maxCages;
  }

  /** Whether a task waits for a place: the next is not for a spare. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** Keeps a place for a cage that is about to be opened; `undefined` where there is none. To be given back just before `open`; a second time is fine. */
  hold(): (() => void) | undefined {
    this.#wanted ||= this.full;
    if (this.full) return undefined;
    this.#held++;
    let held = true;
    return () => {
      if (held) this.#held--;
      held = false;
    };
  }

  live(cageId: string): LiveCage | undefined {
    return this.#live.get(cageId);
  }

  /**
   * A new cage whose link is up and whose proof holds, of the Claw's image and resources; without a Claw of ours. Errors: those of the runtime,
   * `cage_start_failed`, `cage_unproven` (with the checks that failed); where it fails nothing is left behind.
   */
  async open(
    owner: CageOwner,
    purpose: 'task' | 'verify',
    { claw, signal }: { claw?: ClawRow; signal?: AbortSignal } = {},
  ): Promise<LiveCage> {
    const { cages, vault, runtime } = this.#parts;
    this.#opening++;
    const cageId = cages.newId();
    try {
      using linkSecret = new Secret(randomFillSync(offHeap(LINK_SECRET_BYTES)));
      const linkSecretRecord = await vault.sealLink(
        { organisation: owner.organisation, cage: cageId },
        linkSecret,
      );
      await cages.insert({
        id: cageId,
        organisation: owner.organisation,
        claw: owner.claw,
        purpose,
        linkSecretRecord,
      });
      const image = await this.#imageOf(claw, signal);
      const resources = claw ? resourcesOf(claw.resources) : DEFAULT_RESOURCES;
      const bootstrap = this.#bootstrap(cageId, owner, linkSecret);
      await runtime.create({ cageId, image, resources }, bootstrap, signal);
      bootstrap.fill(0);
      const madeFor = claw?.updatedAt ?? new Date();
      return await this.#connect({ cageId, owner, linkSecret, lastSeq: 0, madeFor }, signal);
    } catch (error) {
      await this.end(owner.organisation, cageId);
      throw error;
    } finally {
      this.#opening--;
    }
  }

  /** Takes over a cage that an earlier start, or another orchestrator, opened. */
  async adopt(row: CageRow, signal?: AbortSignal): Promise<LiveCage> {
    const owner = { organisation: row.organisation, claw: row.claw };
    using linkSecret = await this.#parts.vault.openLink(
      { organisation: row.organisation, cage: row.id },
      row.linkSecretRecord,
    );
    const { id: cageId, lastSeq, createdAt: madeFor } = row;
    return await this.#connect({ cageId, owner, linkSecret, lastSeq, madeFor }, signal);
  }

  /** Ends and forgets a cage, a second time too: true where it is surely gone. What the engine cannot do now the reconciler does later. */
  async end(organisation: string, cageId: string): Promise<boolean> {
    const { cages, runtime, log } = this.#parts;
    const live = this.#live.get(cageId);
    this.#live.delete(cageId);
    try {
      await cages.setState(organisation, cageId, 'ending');
      await live?.release();
      await runtime.destroy(cageId);
      await cages.delete(organisation, cageId);
      this.#placeFree(organisation);
      return true;
    } catch (error) {
      log.warn(
        { cage: cageId, code: error instanceof CodedError ? error.code : 'internal' },
        'a cage could not be ended yet',
      );
      return false;
    }
  }

  /** Ends a cage that waits for a task; false where a task has it meanwhile. */
  async retire(organisation: string, cageId: string): Promise<boolean> {
    if (!(await this.#parts.cages.retire(organisation, cageId))) return false;
    await this.end(organisation, cageId);
    return true;
  }

  /** Lets go of every link; the cages run on. */
  async release(): Promise<void> {
    const held = [...this.#live.values()];
    this.#live.clear();
    await Promise.allSettled(held.map((cage) => cage.release()));
  }

  async #imageOf(claw: ClawRow | undefined, signal?: AbortSignal): Promise<string> {
    const { runtime, image } = this.#parts;
    return claw?.agent.image ? runtime.layOver(claw.agent.image, signal) : image;
  }

  #placeFree(organisation: string): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#parts.onPlace(organisation);
  }

  async #connect(
    {
      cageId,
      owner,
      linkSecret,
      lastSeq,
      madeFor,
    }: { cageId: string; owner: CageOwner; linkSecret: Secret; lastSeq: number; madeFor: Date },
    signal?: AbortSignal,
  ): Promise<LiveCage> {
    const { cages, capabilities, runtime } = this.#parts;
    const epoch = await cages.takeEpoch(owner.organisation, cageId);
    if (epoch === undefined) throw new CodedError('cage_not_found');
    const cage = new LiveCage(cageId, epoch, madeFor);
    const limit = AbortSignal.any([AbortSignal.timeout(HELLO_MS), ...(signal ? [signal] : [])]);
    const link = await dialLink({
      gate: runtime.gate().controller,
      capability: () =>
        capabilities.controller({ cage: cageId, organisation: owner.organisation, claw: owner.claw ?? '' }),
      linkSecret,
      cageId,
      epoch,
      lastSeq,
      onMessage: async (message, seq) => {
        await cage.receive(message);
        if (!REPEATABLE.has(message.type)) await cages.setLastSeq(owner.organisation, cageId, epoch, seq);
        cage.dealtWith();
      },
      signal: limit,
    });
    cage.attach(link);
    this.#live.set(cageId, cage);
    refuseUnproven(cage);
    return cage;
  }

  #bootstrap(cageId: string, owner: CageOwner, linkSecret: Secret): Buffer {
    const message: Bootstrap = {
      version: 1,
      cageId,
      linkSecret: linkSecret.expose().toString('base64'),
      capability: this.#parts.capabilities.link({
        cage: cageId,
        organisation: owner.organisation,
        claw: owner.claw ?? '',
      }),
      gate: this.#parts.runtime.gate().cage,
      orphanMs: this.#parts.orphanMs,
    };
    return Buffer.from(JSON.stringify(message));
  }
}

/** No key is handed to a cage that could not prove that the agent cannot read it. */
function refuseUnproven(cage: LiveCage): void {
  const { proof } = cage.hello;
  if (proof.ok) return;
  const failed = proof.checks
    .filter((check) => !check.ok)
    .map(({ name, reason }) => (reason ? `${name}: ${reason}` : name));
  throw new CodedError('cage_unproven', { failed });
}
