import { randomFillSync } from 'node:crypto';
import { CodedError, toCodedError } from '#errors/coded-error.ts';
import type { Bootstrap } from '#protocol/bootstrap.ts';
import type { FromCage } from '#protocol/link-messages.ts';
import { LINK_PULSE, LINK_SECRET_BYTES, linkPulse, type LinkPulse } from '#protocol/link-tls.ts';
import { DEFAULT_RESOURCES, type Runtime } from '#runtime/runtime.ts';
import { offHeap, Secret } from '#secret/secret.ts';
import type { Vault } from '#vault/vault.ts';
import type { CapabilityIssuer } from '../link/capabilities.ts';
import { dialLink } from '../link/dial-link.ts';
import type { Log } from '../log.ts';
import type { ClawRow } from '../store/claws-store.ts';
import type { Lease } from '../lease/lease.ts';
import type { CageRow, CagesStore } from '../store/cages-store.ts';
import type { NoCage, PlacesStore } from '../store/places-store.ts';
import type { Room } from '../room/room.ts';
import { LiveCage } from './live-cage.ts';
import { resourcesOf } from './resources-of.ts';
import { WantedPlaces } from './wanted-places.ts';

export interface CageOwner {
  readonly organisation: string;
  /** Null for the short cage that verifies a key. */
  readonly claw: string | null;
}

interface Parts {
  readonly runtime: Runtime;
  readonly cages: CagesStore;
  readonly places: PlacesStore;
  readonly lease: Pick<Lease, 'id' | 'confirm'>;
  readonly vault: Vault;
  readonly capabilities: CapabilityIssuer;
  /** Of a cage whose Claw names none. */
  readonly image: string;
  readonly orphanMs: number;
  readonly pulseMs: number;
  readonly maxCages: number;
  readonly room: Pick<Room, 'timed' | 'failed'>;
  /** Somebody of that organisation found no place, and now there may be one. */
  readonly onPlace: (organisation: string) => void;
  /** A cage's link is over for good: another holds it (`link_superseded`), or the two cannot speak. */
  readonly onLinkLost: (organisation: string, cageId: string, reason: CodedError) => void;
  readonly log: Log;
}

/**
 * What may come a second time after a crash, since each is known by its call's id and an attempt begins to run once: a write of the number for each of them would be most of what a model
 * call costs the database, and would hold up what comes behind it while that is away.
 */
const REPEATABLE = new Set<FromCage['type']>([
  'started',
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

/** How long a warm cage, its meter with it, may take to say that it is there: a cold start takes less than twice that. */
const ANSWERS_MS = 1_000;

/** A cage that is about to have a row. */
export interface PreparedCage extends Disposable {
  readonly id: string;
  readonly linkSecret: Secret;
  readonly linkSecretRecord: Buffer;
}

type Making = { readonly claw?: ClawRow | undefined; readonly signal?: AbortSignal | undefined };

/**
 * Opens cages, takes over those of another orchestrator, ends them; the only maker of links. What somebody else holds is left alone: every end begins with a
 * compare-and-set on the cage's holder, and nothing is done to a container before that.
 */
export class CageKeeper {
  readonly #parts: Parts;
  readonly #live = new Map<string, LiveCage>();
  /** Cages whose first word is waited for. */
  readonly #opening = new Map<string, AbortController>();
  /** Cages whose end failed, with their organisation. */
  readonly #unended = new Map<string, string>();
  #generation = new AbortController();
  readonly #wanted = new WantedPlaces();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The name under which cages are held now. */
  get holder(): string {
    return this.#parts.lease.id;
  }

  /** That there may be at once, of all orchestrators. */
  get maxCages(): number {
    return this.#parts.maxCages;
  }

  /** Whether a task waits for a place that a spare of the organisation would take. */
  isWanted(organisation: string): boolean {
    return this.#wanted.isFor(organisation);
  }

  /** A task has found no place, in the installation or in its organisation: it is told when one is free. */
  want(organisation: string, where: NoCage): void {
    this.#wanted.add(organisation, where);
  }

  live(cageId: string): LiveCage | undefined {
    return this.#live.get(cageId);
  }

  /** All whose link is up. */
  all(): LiveCage[] {
    return [...this.#live.values()];
  }

  /** Whether this process is opening it, or has its link. */
  has(cageId: string): boolean {
    return this.#live.has(cageId) || this.#opening.has(cageId);
  }

  /** Names a cage and makes its link's secret: to be disposed of once the cage is up. */
  async prepare(organisation: string): Promise<PreparedCage> {
    const { cages, vault } = this.#parts;
    const id = cages.newId();
    const linkSecret = new Secret(randomFillSync(offHeap(LINK_SECRET_BYTES)));
    const linkSecretRecord = await vault.sealLink({ organisation, cage: id }, linkSecret);
    return { id, linkSecret, linkSecretRecord, [Symbol.dispose]: () => linkSecret.wipe() };
  }

  /**
   * A new cage of ours whose link is up and whose proof holds, without a Claw or for an attempt that has its epoch; it waits for no place. Errors: as `start`.
   */
  async open(
    owner: CageOwner,
    purpose: 'task' | 'verify',
    { attempt, ...making }: Making & { attempt?: { readonly task: string; readonly taskEpoch: number } } = {},
  ): Promise<LiveCage> {
    using prepared = await this.prepare(owner.organisation);
    const { id, linkSecretRecord } = prepared;
    return await this.#whileOpening(id, async () => {
      const row = { id, linkSecretRecord, purpose, holder: this.holder, ...owner, ...attempt };
      return this.#make(await this.#parts.cages.insert(row), prepared, making);
    });
  }

  /** A spare of the Claw, where it wants one and there is a place; `undefined` otherwise. Errors: as `start`. */
  async spare(claw: ClawRow, perClaw: number): Promise<LiveCage | undefined> {
    const { places, maxCages } = this.#parts;
    using prepared = await this.prepare(claw.organisation);
    return await this.#whileOpening(prepared.id, async () => {
      const { id, linkSecretRecord } = prepared;
      const row = await places.takeForSpare(claw, {
        holder: this.holder,
        maxCages,
        perClaw,
        prepared: { id, linkSecretRecord },
      });
      return row && this.#make(row, prepared, { claw });
    });
  }

  /**
   * Makes the cage of a row that was inserted: its link is up and its proof holds. Errors: those of the runtime, `cage_start_failed`, `cage_unproven` (with the checks
   * that failed), and what the signal aborts with: where it fails nothing is left behind. `lease_lost`: it is another's to end.
   */
  async start(row: CageRow, prepared: PreparedCage, making: Making): Promise<LiveCage> {
    return this.#whileOpening(row.id, () => this.#make(row, prepared, making));
  }

  /** The link of a cage that was made before, for a holder that took its newest epoch just now. */
  async connect(row: CageRow, signal?: AbortSignal): Promise<LiveCage> {
    const { organisation, id } = row;
    using linkSecret = await this.#parts.vault.openLink({ organisation, cage: id }, row.linkSecretRecord);
    return await this.#whileOpening(id, () => this.#dial(row, linkSecret, row.createdAt, signal));
  }

  /** A warm cage that a task has just got, whoever held it before. Errors: those of the link; `cage_not_found`; `warden_unresponsive`
   * where it hangs, or its meter does. */
  async claimed(row: CageRow, signal?: AbortSignal): Promise<LiveCage> {
    const live = this.#live.get(row.id);
    if (live?.epoch !== row.epoch) return this.adopt(row, signal);
    if (!(await live.answers(ANSWERS_MS))) throw new CodedError('warden_unresponsive', { cage: row.id });
    return live;
  }

  /** Takes over a cage that nobody holds any more, or this process without a link. `cage_not_found` where another was faster. */
  async adopt(row: CageRow, signal?: AbortSignal): Promise<LiveCage> {
    const taken = await this.#parts.cages.takeOver(row, this.holder);
    if (!taken) throw new CodedError('cage_not_found', { cage: row.id });
    return this.connect(taken, signal);
  }

  /**
   * Ends and forgets a cage, a second time too: true where it is surely gone. One that another orchestrator holds is let go of instead. What the engine cannot do
   * now the reconciler does later.
   */
  async end(organisation: string, cageId: string): Promise<boolean> {
    const { cages, runtime, log } = this.#parts;
    try {
      const isOurs = await cages.end(organisation, cageId, this.holder);
      const live = this.#live.get(cageId);
      this.#live.delete(cageId);
      await live?.release();
      if (!isOurs && (await cages.byId(organisation, cageId))) {
        this.#unended.delete(cageId);
        return false;
      }
      await runtime.destroy(cageId);
      await cages.delete(organisation, cageId);
      this.#unended.delete(cageId);
      this.#placeFree(organisation);
      return true;
    } catch (error) {
      this.#unended.set(cageId, organisation);
      log.warn({ cage: cageId, code: toCodedError(error).code }, 'a cage could not be ended yet');
      return false;
    }
  }

  /** What was to be ended and could not be: the database may have been away, so that its row tells nothing of it. */
  async endAgain(): Promise<void> {
    await Promise.all([...this.#unended].map(([cageId, organisation]) => this.end(organisation, cageId)));
  }

  /** Ends a cage that waits for a task, whoever holds it; false where a task has it meanwhile. */
  async retire(organisation: string, cageId: string): Promise<boolean> {
    if (!(await this.#parts.cages.retire(organisation, cageId, this.holder))) return false;
    await this.end(organisation, cageId);
    return true;
  }

  /** The container of a cage that is being opened has ended: nobody waits for its word. False where it is not being opened here. */
  died(cageId: string, reason: CodedError): boolean {
    const opening = this.#opening.get(cageId);
    opening?.abort(reason);
    return opening !== undefined;
  }

  /** Lets go of the links of cages that others hold now, or that are gone. */
  async keepOnly(cageIds: ReadonlySet<string>): Promise<void> {
    const others = [...this.#live.keys()].filter((id) => !cageIds.has(id) && !this.#opening.has(id));
    await Promise.allSettled(others.map((id) => this.#letGo(id)));
  }

  /** Lets go of every link, and of what is being opened; the cages run on. */
  async release(): Promise<void> {
    this.#generation.abort(new CodedError('lease_lost'));
    this.#generation = new AbortController();
    this.#unended.clear();
    await Promise.allSettled([...this.#live.keys()].map((id) => this.#letGo(id)));
  }

  async #letGo(cageId: string): Promise<void> {
    const live = this.#live.get(cageId);
    this.#live.delete(cageId);
    await live?.release();
  }

  async #imageOf(claw: ClawRow | undefined, signal?: AbortSignal): Promise<string> {
    const { runtime, image } = this.#parts;
    return claw?.agent.image ? runtime.layOver(claw.agent.image, signal) : image;
  }

  #placeFree(organisation: string): void {
    for (const waiting of this.#wanted.freed(organisation)) this.#parts.onPlace(waiting);
  }

  async #whileOpening<T>(cageId: string, work: () => Promise<T>): Promise<T> {
    const opening = new AbortController();
    this.#opening.set(cageId, opening);
    try {
      return await work();
    } finally {
      this.#opening.delete(cageId);
    }
  }

  async #make(row: CageRow, { linkSecret }: PreparedCage, { claw, signal }: Making): Promise<LiveCage> {
    const { runtime, lease, room } = this.#parts;
    const { id: cageId, organisation } = row;
    const limit = this.#limit(cageId, signal);
    try {
      const image = await this.#imageOf(claw, limit);
      const resources = claw ? resourcesOf(claw.resources) : DEFAULT_RESOURCES;
      const bootstrap = this.#bootstrap(cageId, row, linkSecret);
      await lease.confirm(row.holder!);
      await room.timed(() => runtime.create({ cageId, image, resources }, bootstrap, limit));
      bootstrap.fill(0);
      await this.#mustBeOurs(row);
      return await this.#dial(row, linkSecret, claw?.updatedAt ?? new Date(), limit);
    } catch (thrown) {
      const error = toCodedError(limit.aborted ? limit.reason : thrown);
      room.failed(error);
      if (error.code !== 'lease_lost') await this.end(organisation, cageId);
      throw error;
    }
  }

  /** Creating may take long: where the row is another's by now, or gone, so is the container's right to be. */
  async #mustBeOurs({ organisation, id, holder, epoch }: CageRow): Promise<void> {
    const { cages, runtime } = this.#parts;
    const now = await cages.byId(organisation, id);
    if (now?.holder === holder && now?.epoch === epoch && now.state !== 'ending') return;
    if (now === undefined) await runtime.destroy(id);
    throw new CodedError('lease_lost', { cage: id });
  }

  /** Ends at the caller's signal, when everything is let go of, and when the container is known to have ended. */
  #limit(cageId: string, signal?: AbortSignal): AbortSignal {
    const opening = this.#opening.get(cageId)?.signal;
    return AbortSignal.any([this.#generation.signal, signal, opening].filter((each) => each !== undefined));
  }

  async #dial(
    { id: cageId, organisation, claw, epoch, lastSeq }: CageRow,
    linkSecret: Secret,
    madeFor: Date,
    signal?: AbortSignal,
  ): Promise<LiveCage> {
    const { cages, capabilities, runtime, pulseMs } = this.#parts;
    const cage = new LiveCage(cageId, epoch, madeFor);
    const stop = this.#limit(cageId, signal);
    const link = await dialLink({
      gate: () => runtime.gate().controller,
      capability: () => capabilities.controller({ cage: cageId, organisation, claw: claw ?? '' }),
      linkSecret,
      cageId,
      epoch,
      lastSeq,
      pulse: patientPulse(pulseMs),
      onMessage: async (message, seq) => {
        await cage.receive(message, seq);
        if (!REPEATABLE.has(message.type)) await cages.setLastSeq(organisation, cageId, epoch, seq);
        cage.dealtWith();
      },
      signal: AbortSignal.any([AbortSignal.timeout(HELLO_MS), stop]),
    }).catch((error: unknown) => {
      throw stop.aborted ? stop.reason : error;
    });
    cage.attach(link);
    const before = this.#live.get(cageId);
    this.#live.set(cageId, cage);
    void before?.release();
    void link.closed.then((reason) => reason && this.#closed(organisation, cage, reason));
    refuseUnproven(cage);
    return cage;
  }

  #closed(organisation: string, cage: LiveCage, reason: CodedError): void {
    if (this.#live.get(cage.cageId) !== cage) return;
    this.#live.delete(cage.cageId);
    this.#parts.onLinkLost(organisation, cage.cageId, reason);
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
      pulseMs: this.#parts.pulseMs,
    };
    return Buffer.from(JSON.stringify(message));
  }
}

/** A cage that was adopted may have a pulse of its own: its link is not dropped for that. Who is stuck is the StuckWatch's to find. */
function patientPulse(pulseMs: number): LinkPulse {
  const { silenceMs } = linkPulse(pulseMs);
  return { pulseMs, silenceMs: Math.max(silenceMs, LINK_PULSE.silenceMs) };
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
