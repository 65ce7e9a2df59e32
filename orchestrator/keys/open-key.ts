import { CodedError } from '#errors/coded-error.ts';
import type { Secret } from '#secret/secret.ts';
import type { Vault } from '#vault/vault.ts';
import type { KeyRow } from '../store/keys-store.ts';

/** The key of a row, for the caller to wipe. `key_revoked`, and what opening throws. */
export async function openKey(vault: Vault, key: KeyRow): Promise<Secret> {
  const { organisation, id, provider, version, state, record } = key;
  if (state !== 'active' || !record) throw new CodedError('key_revoked');
  return vault.openKey({ organisation, keyId: id, provider, version }, record);
}
