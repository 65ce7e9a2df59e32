import { randomBytes, webcrypto } from 'node:crypto';
import { CodedError } from '#errors/coded-error.ts';

export const KEY_BYTES = 32;
export const IV_BYTES = 12;
export const TAG_BYTES = 16;

/**
 * WebCrypto, and not `createDecipheriv`: that one copies the plaintext into a buffer of the right length and frees the first without overwriting
 * it (found by searching the process's memory, Node 24). WebCrypto overwrites what it frees.
 */
const { subtle } = webcrypto;

const importKey = (key: Buffer, usage: 'encrypt' | 'decrypt') =>
  subtle.importKey('raw', key, 'AES-GCM', false, [usage]);

/** The tag length is always named, so that no shorter tag passes for a whole one. */
const parameters = (iv: Buffer, aad: Buffer) => ({
  name: 'AES-GCM',
  iv,
  additionalData: aad,
  tagLength: TAG_BYTES * 8,
});

/**
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit IV: `iv | ciphertext | tag`. A data key encrypts once; a
 * wrapping key may do so 2^32 times.
 */
export async function encrypt(key: Buffer, plaintext: Buffer, aad: Buffer): Promise<Buffer> {
  const iv = randomBytes(IV_BYTES);
  const sealed = await subtle.encrypt(parameters(iv, aad), await importKey(key, 'encrypt'), plaintext);
  return Buffer.concat([iv, Buffer.from(sealed)]);
}

/** The reverse; throws `vault_record_invalid`. The plaintext lies outside V8's heap and is the caller's to overwrite. */
export async function decrypt(key: Buffer, box: Buffer, aad: Buffer): Promise<Buffer> {
  if (box.length < IV_BYTES + TAG_BYTES) throw new CodedError('vault_record_invalid');
  const [iv, sealed] = [box.subarray(0, IV_BYTES), box.subarray(IV_BYTES)];
  const imported = await importKey(key, 'decrypt');
  try {
    return Buffer.from(await subtle.decrypt(parameters(iv, aad), imported, sealed));
  } catch {
    throw new CodedError('vault_record_invalid');
  }
}
