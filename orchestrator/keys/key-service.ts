import { CodedError } from '#errors/coded-error.ts';
import type { z } from 'zod';
import type { KeyModelsReply, KeyPatch, KeyView, keyCreate, keyList } from '#protocol/api.ts';
import type { Secret } from '#secret/secret.ts';
import { masked } from '#vault/masked.ts';
import type { Vault } from '#vault/vault.ts';
import type { KeyRow, KeysStore } from '../store/keys-store.ts';
import type { Endpoint, KeyCheck } from './key-check.ts';
import { KnownModels } from './known-models.ts';
import { openKey } from './open-key.ts';

type NewKeyFields = Omit<z.output<typeof keyCreate>, 'secret'>;

interface Parts {
  readonly keys: KeysStore;
  readonly vault: Vault;
  readonly check: KeyCheck;
  /** host:port pairs that the gate may reach although they are private or plain. */
  readonly allowHosts: readonly string[];
}

/** Keys that tenants brought: checked with the provider, kept enveloped, shown masked. */
export class KeyService {
  readonly #parts: Parts;
  readonly #known = new KnownModels();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `name_taken`, `key_plaintext_endpoint`, and with `verify` what the provider said: see KeyCheck. Nothing is kept where it fails. */
  async add(organisation: string, given: NewKeyFields, secret: Secret): Promise<KeyView> {
    const { keys, vault } = this.#parts;
    if ((await keys.byName(organisation, given.name))?.state === 'active')
      throw new CodedError('name_taken', { key: given.name });
    this.#refusePlaintext(given.baseUrl);
    const endpoint: Endpoint = { baseUrl: given.baseUrl, ca: given.ca ?? null };
    if (given.verify) await this.#parts.check.models(organisation, endpoint, secret);
    const id = keys.newId();
    const record = await vault.sealKey(
      { organisation, keyId: id, provider: given.provider, version: 1 },
      secret,
    );
    const row = await keys.create({
      id,
      organisation,
      name: given.name,
      provider: given.provider,
      ...endpoint,
      record,
      masked: masked(secret),
      verifiedAt: given.verify ? new Date() : null,
      requestsPerMinute: given.requestsPerMinute,
      tokensPerMinute: given.tokensPerMinute,
    });
    return keyView(row);
  }

  /** Oldest first. */
  async list(
    organisation: string,
    query: z.output<typeof keyList>,
  ): Promise<{ items: KeyView[]; nextCursor: string | null }> {
    const { items, nextCursor } = await this.#parts.keys.page(organisation, query);
    return { items: items.map(keyView), nextCursor };
  }

  async get(organisation: string, name: string): Promise<KeyView> {
    return keyView(await this.#key(organisation, name));
  }

  /** Puts a new secret in the place of the old one: tasks that run keep theirs, the next ones get the new. */
  async rotate(
    organisation: string,
    name: string,
    given: { readonly verify: boolean },
    secret: Secret,
  ): Promise<KeyView> {
    const { keys, vault, check } = this.#parts;
    const key = await this.#key(organisation, name);
    if (key.state === 'revoked') throw new CodedError('key_revoked');
    if (given.verify) await check.models(organisation, key, secret);
    const version = key.version + 1;
    const record = await vault.sealKey(
      { organisation, keyId: key.id, provider: key.provider, version },
      secret,
    );
    const row = await keys.rotate(organisation, key.id, {
      version,
      record,
      masked: masked(secret),
      verifiedAt: given.verify ? new Date() : null,
    });
    return keyView(row);
  }

  /**
   * Of all its Claws together; a cap that is left out stays. In force for the next permit, within a second; what is counted stays counted. A revoked key has caps
   * too: tasks that began before still use it.
   */
  async setCaps(organisation: string, name: string, caps: KeyPatch): Promise<KeyView> {
    const key = await this.#key(organisation, name);
    return keyView((await this.#parts.keys.setCaps(organisation, key.id, caps)) ?? key);
  }

  /** Destroys the record: nothing opens it again, and the next task of a Claw that uses it fails with `key_revoked`. */
  async revoke(organisation: string, name: string): Promise<KeyView> {
    const key = await this.#key(organisation, name);
    return keyView((await this.#parts.keys.revoke(organisation, key.id)) ?? key);
  }

  /** The models that a stored key may use. */
  async models(organisation: string, key: KeyRow): Promise<readonly string[]> {
    const { vault, check } = this.#parts;
    using secret = await openKey(vault, key);
    return await check.models(organisation, key, secret);
  }

  /** As `models`, by the key's name, in the order of the alphabet; known for five minutes. `key_revoked`, and what asking throws. */
  async modelsOf(organisation: string, name: string): Promise<KeyModelsReply> {
    const key = await this.#key(organisation, name);
    if (key.state === 'revoked') throw new CodedError('key_revoked', { key: name });
    const { models, askedAt } = await this.#known.of(key, () => this.models(organisation, key));
    return { key: name, models: [...models], askedAt: askedAt.toISOString() };
  }

  async #key(organisation: string, name: string): Promise<KeyRow> {
    const key = await this.#parts.keys.byName(organisation, name);
    if (!key) throw new CodedError('not_found', { key: name });
    return key;
  }

  #refusePlaintext(baseUrl: string): void {
    const { protocol, hostname, port } = new URL(baseUrl);
    if (protocol === 'https:' || this.#parts.allowHosts.includes(`${hostname}:${port || 80}`)) return;
    throw new CodedError('key_plaintext_endpoint', { add: `${hostname}:${port || 80}` });
  }
}

export function keyView(row: KeyRow): KeyView {
  return {
    id: row.id,
    name: row.name,
    provider: row.provider,
    baseUrl: row.baseUrl,
    masked: row.masked,
    version: row.version,
    state: row.state,
    verifiedAt: row.verifiedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    requestsPerMinute: row.requestsPerMinute,
    tokensPerMinute: row.tokensPerMinute,
    ...(row.baseUrl.startsWith('http:') && {
      warning: 'This endpoint is not TLS: the gate carries the key in the clear.',
    }),
  };
}
