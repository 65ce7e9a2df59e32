import { randomFillSync } from 'node:crypto';
import { CodedError } from '#errors/coded-error.ts';
import { offHeap, Secret } from '#secret/secret.ts';
import type { Vault } from '#vault/vault.ts';
import type { OrganisationsStore } from '../store/organisations-store.ts';

interface Parts {
  readonly organisations: OrganisationsStore;
  readonly vault: Vault;
}

const BYTES = 32;
/** After a rotation the secret of before signs beside the new one for so long, so that a receiver can change over without a loss. */
const OVERLAP_MS = 24 * 3600_000;

/**
 * What signs the webhooks of an organisation: made when somebody first asks for it, kept enveloped. The record holds the secret (32 bytes) and, after
 * a rotation, the one of before (32 bytes) and until when it signs (8 bytes, Unix milliseconds).
 */
export class WebhookSecrets {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** In the form of Standard Webhooks: `whsec_` and base64. For who may see it, and nothing else. */
  async show(organisation: string): Promise<string> {
    using record = await this.#open(organisation);
    return shown(record);
  }

  /** A new secret; the one of before signs beside it for 24 h. */
  async rotate(organisation: string): Promise<string> {
    const { organisations, vault } = this.#parts;
    const read = await organisations.webhookSecret(organisation);
    using next = await this.#following(organisation, read);
    if (
      !(await organisations.replaceWebhookSecret(
        organisation,
        read,
        await vault.sealWebhook({ organisation }, next),
      ))
    )
      throw new CodedError('conflict', { reason: 'somebody else rotated it just now' });
    return shown(next);
  }

  /** The secrets that sign now, the newest first; for the caller to wipe. */
  async signing(organisation: string, nowMs: number): Promise<Secret[]> {
    using record = await this.#open(organisation);
    const bytes = record.expose();
    const signs = [part(bytes, 0)];
    if (bytes.length > BYTES && Number(bytes.readBigUInt64BE(2 * BYTES)) > nowMs)
      signs.push(part(bytes, BYTES));
    return signs;
  }

  async #open(organisation: string): Promise<Secret> {
    const { organisations, vault } = this.#parts;
    const present = await organisations.webhookSecret(organisation);
    if (present) return vault.openWebhook({ organisation }, present);
    using made = fresh(BYTES);
    await organisations.replaceWebhookSecret(
      organisation,
      null,
      await vault.sealWebhook({ organisation }, made),
    );
    const set = await organisations.webhookSecret(organisation);
    if (!set) throw new CodedError('not_found');
    return await vault.openWebhook({ organisation }, set);
  }

  async #following(organisation: string, read: Buffer | null): Promise<Secret> {
    if (!read) return fresh(BYTES);
    using before = await this.#parts.vault.openWebhook({ organisation }, read);
    const next = fresh(2 * BYTES + 8);
    before.expose().copy(next.expose(), BYTES, 0, BYTES);
    next.expose().writeBigUInt64BE(BigInt(Date.now() + OVERLAP_MS), 2 * BYTES);
    return next;
  }
}

const shown = (record: Secret): string => `whsec_${record.expose().subarray(0, BYTES).toString('base64')}`;

function part(bytes: Buffer, at: number): Secret {
  const copy = offHeap(BYTES);
  bytes.copy(copy, 0, at, at + BYTES);
  return new Secret(copy);
}

/** Random in its first 32 bytes. */
function fresh(length: number): Secret {
  const bytes = offHeap(length);
  randomFillSync(bytes, 0, BYTES);
  return new Secret(bytes);
}
