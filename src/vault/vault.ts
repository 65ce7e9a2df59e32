import { CodedError } from '#errors/coded-error.ts';
import { Secret } from '#secret/secret.ts';
import type { Binding, ContentBinding, KeyBinding, LinkBinding, WebhookBinding } from './binding.ts';
import { openRecord, readHeader, rewrapRecord, sealRecord, type WrappingKey } from './envelope.ts';
import type { KekProvider } from './keks.ts';
import type { ShreddingKeys } from './shredding-keys.ts';

const ofKey = ({ organisation, keyId, provider, version }: KeyBinding): Binding => ({
  kind: 'key',
  organisation,
  id: keyId,
  provider,
  version,
});
const ofLink = ({ organisation, cage }: LinkBinding): Binding => ({ kind: 'link', organisation, id: cage });
const ofWebhook = ({ organisation }: WebhookBinding): Binding => ({
  kind: 'webhook',
  organisation,
  id: organisation,
});
const ofContent = (binding: ContentBinding): Binding => {
  const { organisation, task, kind } = binding;
  if (kind === 'function_result') return { kind, organisation, id: task, call: binding.call };
  if (kind !== 'file') return { kind, organisation, id: task };
  const { path, epoch, piece, last } = binding;
  return { kind, organisation, id: task, piece: { path, epoch, piece, last } };
};

/**
 * Where keys and content are enveloped and opened. Provider keys and link secrets are wrapped by a key-encryption key,
 * content by its task's shredding key. What is passed in stays the caller's to wipe, and so does what is handed out.
 * Opening throws `vault_record_invalid` for anything but the very record under the very binding.
 */
export class Vault {
  readonly #keks: KekProvider;
  readonly #shredding: ShreddingKeys;

  constructor(parts: { keks: KekProvider; shredding: ShreddingKeys }) {
    this.#keks = parts.keks;
    this.#shredding = parts.shredding;
  }

  async sealKey(binding: KeyBinding, key: Secret): Promise<Buffer> {
    return sealRecord(await this.#currentKek(), ofKey(binding), key.expose());
  }

  /** Throws `vault_record_invalid`, or `vault_kek_missing` with the version that is not here. */
  async openKey(binding: KeyBinding, record: Buffer): Promise<Secret> {
    return new Secret(await openRecord(await this.#kekOf(record), ofKey(binding), record));
  }

  /**
   * A provider key's record under the current key-encryption key; the same record where it is already. The key itself is
   * not decrypted. Throws as `openKey`.
   */
  async rewrapKey(binding: KeyBinding, record: Buffer): Promise<Buffer> {
    return this.#rewrap(ofKey(binding), record);
  }

  async sealLink(binding: LinkBinding, secret: Secret): Promise<Buffer> {
    return sealRecord(await this.#currentKek(), ofLink(binding), secret.expose());
  }

  async openLink(binding: LinkBinding, record: Buffer): Promise<Secret> {
    return new Secret(await openRecord(await this.#kekOf(record), ofLink(binding), record));
  }

  async rewrapLink(binding: LinkBinding, record: Buffer): Promise<Buffer> {
    return this.#rewrap(ofLink(binding), record);
  }

  async sealWebhook(binding: WebhookBinding, secret: Secret): Promise<Buffer> {
    return sealRecord(await this.#currentKek(), ofWebhook(binding), secret.expose());
  }

  async openWebhook(binding: WebhookBinding, record: Buffer): Promise<Secret> {
    return new Secret(await openRecord(await this.#kekOf(record), ofWebhook(binding), record));
  }

  async rewrapWebhook(binding: WebhookBinding, record: Buffer): Promise<Buffer> {
    return this.#rewrap(ofWebhook(binding), record);
  }

  /**
   * An input makes its task's shredding key; all other content is sealed under the same one, so once the task is shredded it
   * throws `vault_shredded` and is kept nowhere.
   */
  async sealContent(binding: ContentBinding, plaintext: Secret | Buffer): Promise<Buffer> {
    using key =
      binding.kind === 'input'
        ? await this.#shredding.create(binding.task)
        : await this.#shreddingKey(binding.task);
    const bytes = plaintext instanceof Secret ? plaintext.expose() : plaintext;
    return await sealRecord({ wrapper: 'shredding', version: 0, key }, ofContent(binding), bytes);
  }

  /** Throws `vault_shredded` after `shred`. */
  async openContent(binding: ContentBinding, record: Buffer): Promise<Secret> {
    using key = await this.#shreddingKey(binding.task);
    if (readHeader(record).wrapper !== 'shredding') throw new CodedError('vault_record_invalid');
    return new Secret(
      await openRecord({ wrapper: 'shredding', version: 0, key }, ofContent(binding), record),
    );
  }

  /** Destroys the key of a task's input, result and files, and with it every copy of them. May be repeated. */
  async shred(task: string): Promise<void> {
    await this.#shredding.destroy(task);
  }

  async #rewrap(binding: Binding, record: Buffer): Promise<Buffer> {
    const from = await this.#kekOf(record);
    const to = await this.#currentKek();
    return from.version === to.version ? record : rewrapRecord(from, to, binding, record);
  }

  async #currentKek(): Promise<WrappingKey> {
    return { wrapper: 'kek', ...(await this.#keks.current()) };
  }

  async #kekOf(record: Buffer): Promise<WrappingKey> {
    const { wrapper, version } = readHeader(record);
    if (wrapper !== 'kek') throw new CodedError('vault_record_invalid');
    const kek = await this.#keks.byVersion(version);
    if (kek === undefined) throw new CodedError('vault_kek_missing', { version });
    return { wrapper, ...kek };
  }

  async #shreddingKey(task: string): Promise<Secret> {
    const key = await this.#shredding.get(task);
    if (key === undefined) throw new CodedError('vault_shredded');
    return key;
  }
}
