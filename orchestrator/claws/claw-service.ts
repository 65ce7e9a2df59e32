import type { z } from 'zod';
import { CodedError } from '#errors/coded-error.ts';
import { assertClaw } from '#claw/check.ts';
import type { ClawView, clawCreate, clawList, clawPatch } from '#protocol/api.ts';
import type { Runtime } from '#runtime/runtime.ts';
import type { KeyService } from '../keys/key-service.ts';
import { providerEntries } from '../launch/agent-egress.ts';
import type { WarmSpares } from '../launch/warm-spares.ts';
import type { ClawRow } from '../store/claws-store.ts';
import { clawNamed } from './claw-named.ts';
import type { KeyRow } from '../store/keys-store.ts';
import type { Store } from '../store/store.ts';
import type { TaskService } from '../tasks/task-service.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

interface Parts {
  readonly store: Store;
  readonly keys: KeyService;
  readonly tasks: TaskService;
  readonly runtime: Runtime;
  readonly spares: WarmSpares;
  readonly telemetry: Telemetry;
  /** Dispatches what waits for this Claw. */
  readonly poke: (organisation: string, claw: string) => Promise<void>;
}

/** Claws: configured, deployed, stopped, deleted. */
export class ClawService {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async create(organisation: string, given: z.output<typeof clawCreate>): Promise<ClawView> {
    const { store } = this.#parts;
    assertClaw(given);
    await this.#refuseProviders(organisation, given.egress);
    const key = await this.#key(organisation, given.key);
    const { deploy, ...settings } = given;
    const row = await store.claws.create({ ...settings, organisation, key: key.id });
    return deploy ? this.deploy(organisation, row.name) : clawView(row, key.name);
  }

  /** Oldest first. `not_found` where there is no key of the name that is asked for. */
  async list(
    organisation: string,
    { key: keyName, ...query }: z.output<typeof clawList>,
  ): Promise<{ items: ClawView[]; nextCursor: string | null }> {
    const { store } = this.#parts;
    const keys = await store.keys.list(organisation);
    const names = new Map(keys.map((key) => [key.id, key.name]));
    const key = keyName === undefined ? undefined : await store.keys.byName(organisation, keyName);
    if (keyName !== undefined && !key) throw new CodedError('not_found', { key: keyName });
    const { items, nextCursor } = await store.claws.page(organisation, { ...query, key: key?.id });
    return { items: items.map((claw) => clawView(claw, names.get(claw.key) ?? claw.key)), nextCursor };
  }

  async get(organisation: string, name: string): Promise<ClawView> {
    return this.#view(await clawNamed(this.#parts.store.claws, organisation, name));
  }

  /**
   * Takes effect for the next task, and caps for the next permit; what runs is left alone. Warm cages of what the Claw was are replaced.
   * `egress_provider_host`; `agent_image_unusable` where the Claw is deployed.
   */
  async patch(organisation: string, name: string, change: z.output<typeof clawPatch>): Promise<ClawView> {
    const claw = await clawNamed(this.#parts.store.claws, organisation, name);
    const { key: keyName, ...rest } = change;
    assertClaw(rest);
    await this.#refuseProviders(organisation, change.egress ?? []);
    if (claw.state === 'deployed') await this.#layOver(change.agent?.image);
    const key = keyName === undefined ? undefined : await this.#key(organisation, keyName);
    const row = await this.#parts.store.claws.patch(organisation, claw.id, {
      ...rest,
      ...(key && { key: key.id }),
    });
    const renews =
      change.agent ?? change.resources ?? change.reuse ?? (claw.reuse === 'claw' ? true : undefined);
    if (row?.state === 'deployed' && renews !== undefined)
      await this.#parts.spares.replace({ organisation, claw: claw.id });
    return this.#view(row ?? claw);
  }

  /**
   * Checks engine, image and gate (`runtime_unavailable`, `image_missing`, `agent_image_unusable`, `gate_unavailable`), the key (`key_revoked`, `key_rejected`) and the model
   * (`model_unknown`), makes the warm spare, and lets the queue go on. A key that was added unverified is not asked about here.
   */
  async deploy(organisation: string, name: string): Promise<ClawView> {
    const { store, runtime, spares, poke } = this.#parts;
    const claw = await clawNamed(this.#parts.store.claws, organisation, name);
    await runtime.prepare();
    await this.#layOver(claw.agent.image);
    await this.#checkModel(claw);
    const row = (await store.claws.setState(organisation, claw.id, 'deployed')) ?? claw;
    await spares.fill({ organisation, claw: claw.id });
    await poke(organisation, claw.id);
    return this.#view(row);
  }

  /** Ends the Claw's cages; its queue waits. Tasks that ran, or were about to, end as cancelled. */
  async stop(organisation: string, name: string): Promise<ClawView> {
    const { store, spares, tasks } = this.#parts;
    const claw = await clawNamed(this.#parts.store.claws, organisation, name);
    const row = (await store.claws.setState(organisation, claw.id, 'stopped')) ?? claw;
    await spares.drain({ organisation, claw: claw.id });
    for (const task of await store.tasks.nonFinalOf(organisation, claw.id))
      if (task.state !== 'queued')
        await tasks.stopTask(task, 'cancelled', { reason: 'the Claw was stopped' });
    return this.#view(row);
  }

  /** Stops it, cancels what waits, and frees its name; counts are kept. The row goes first: after it no task is accepted. */
  async remove(organisation: string, name: string): Promise<void> {
    const { store, tasks, spares, telemetry } = this.#parts;
    const claw = await clawNamed(this.#parts.store.claws, organisation, name);
    await store.claws.delete(organisation, claw.id);
    await spares.drain({ organisation, claw: claw.id });
    for (const task of await store.tasks.nonFinalOf(organisation, claw.id))
      await tasks.stopTask(task, 'cancelled', { reason: 'the Claw was deleted' });
    telemetry.clawDeleted(claw.id);
  }

  async #checkModel(claw: ClawRow): Promise<void> {
    const { store, keys } = this.#parts;
    const key = await store.keys.byId(claw.organisation, claw.key);
    if (key?.state !== 'active') throw new CodedError('key_revoked');
    if (key.verifiedAt === null) return;
    const models = await keys.models(claw.organisation, key);
    if (models.length > 0 && !models.includes(claw.model))
      throw new CodedError('model_unknown', { model: claw.model, some: models.slice(0, 10) });
  }

  /** Makes the image of a Claw's cages, or says why there can be none. */
  async #layOver(image: string | null | undefined): Promise<void> {
    if (image) await this.#parts.runtime.layOver(image);
  }

  async #refuseProviders(organisation: string, egress: readonly string[]): Promise<void> {
    const entries = await providerEntries(this.#parts.store.keys, organisation, egress);
    if (entries.length > 0) throw new CodedError('egress_provider_host', { entries });
  }

  async #view(claw: ClawRow): Promise<ClawView> {
    const key = await this.#parts.store.keys.byId(claw.organisation, claw.key);
    return clawView(claw, key?.name ?? claw.key);
  }

  async #key(organisation: string, name: string): Promise<KeyRow> {
    const key = await this.#parts.store.keys.byName(organisation, name);
    if (!key) throw new CodedError('not_found', { key: name });
    if (key.state === 'revoked') throw new CodedError('key_revoked', { key: name });
    return key;
  }
}

export function clawView(
  { organisation: _organisation, createdAt, updatedAt, ...claw }: ClawRow,
  key: string,
): ClawView {
  return { ...claw, key, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}
