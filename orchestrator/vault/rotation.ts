import type { Vault } from '#vault/vault.ts';
import type { CagesStore } from '../store/cages-store.ts';
import type { KeysStore } from '../store/keys-store.ts';
import type { OrganisationsStore } from '../store/organisations-store.ts';

interface Parts {
  readonly keks: { rotate(): Promise<number> };
  readonly vault: Vault;
  readonly keys: KeysStore;
  readonly cages: CagesStore;
  readonly organisations: OrganisationsStore;
}

/**
 * Makes a new key-encryption key and wraps every provider key, link secret and webhook secret of the installation anew under it; none is decrypted.
 * What is sealed meanwhile is under the new one already. Where it is cut off, what was done stands, and running it again does the rest: until then
 * the older versions must stay. Throws `vault_record_invalid` or `vault_kek_missing` at the first record that does not open.
 */
export async function rotateKeks({
  keks,
  vault,
  keys,
  cages,
  organisations,
}: Parts): Promise<{ version: number; rewrapped: number }> {
  const version = await keks.rotate();
  let rewrapped = 0;
  for (const key of await keys.allRecords()) {
    const { organisation, id, provider, record } = key;
    const next = await vault.rewrapKey({ organisation, keyId: id, provider, version: key.version }, record);
    if (await keys.replaceRecord(key, next)) rewrapped += 1;
  }
  for (const { organisation, id, linkSecretRecord } of await cages.allRecords()) {
    await cages.replaceRecord(
      organisation,
      id,
      await vault.rewrapLink({ organisation, cage: id }, linkSecretRecord),
    );
    rewrapped += 1;
  }
  for (const { organisation, record } of await organisations.allWebhookSecrets()) {
    const next = await vault.rewrapWebhook({ organisation }, record);
    if (await organisations.replaceWebhookSecret(organisation, record, next)) rewrapped += 1;
  }
  return { version, rewrapped };
}
