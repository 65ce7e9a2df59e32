import type { webcrypto } from 'node:crypto';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { CodedError } from '#errors/coded-error.ts';
import { Secret } from '#secret/secret.ts';

/** HPKE (RFC 9180) in base mode: the encapsulated key and the ciphertext with its tag, both base64. */
export interface Sealed {
  readonly enc: string;
  readonly ciphertext: string;
}

/** What a provider key is sealed for; its `aad` is `<taskId>:<epoch>`, or `verify:<cageId>`. */
export const KEY_INFO = 'clawcage/key/1';

const suite = (): CipherSuite =>
  new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

/**
 * An ArrayBuffer of its own, exact in length: `@hpke/core` copies anything else once more, where we could not overwrite it. WebCrypto, to which
 * it hands this, overwrites what it frees (node:crypto's deciphers do not: see src/vault/aes.ts).
 */
function ownCopy(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}

const bytes = (text: string): ArrayBuffer => ownCopy(Buffer.from(text, 'utf8'));
const decode = (base64: string): ArrayBuffer => ownCopy(Buffer.from(base64, 'base64'));

/** The cause is dropped on purpose: an error must not carry what it failed on. */
async function orSealingFailed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch {
    throw new CodedError('sealing_failed');
  }
}

/**
 * Seals `plaintext` to a `SealingKeyPair`'s public key (base64, 32 bytes): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
 * AES-256-GCM. It opens only with the same `info` and `aad`. The plaintext is copied before the first await, so the caller
 * may wipe its own at once; our copies are overwritten. Throws `sealing_failed` for a key that is not one.
 */
export async function seal(
  publicKeyBase64: string,
  plaintext: Secret | Buffer,
  info: string,
  aad: string,
): Promise<Sealed> {
  const copy = ownCopy(plaintext instanceof Secret ? plaintext.expose() : plaintext);
  try {
    return await orSealingFailed(async () => {
      const hpke = suite();
      const recipientPublicKey = await hpke.kem.deserializePublicKey(decode(publicKeyBase64));
      const { enc, ct } = await hpke.seal({ recipientPublicKey, info: bytes(info) }, copy, bytes(aad));
      return { enc: Buffer.from(enc).toString('base64'), ciphertext: Buffer.from(ct).toString('base64') };
    });
  } finally {
    new Uint8Array(copy).fill(0);
  }
}

/** A fresh X25519 key pair whose private half never leaves this process. */
export class SealingKeyPair {
  /** Base64 of the 32 bytes. */
  readonly publicKey: string;
  readonly #privateKey: webcrypto.CryptoKey;

  private constructor(publicKey: string, privateKey: webcrypto.CryptoKey) {
    this.publicKey = publicKey;
    this.#privateKey = privateKey;
  }

  static async create(): Promise<SealingKeyPair> {
    return orSealingFailed(async () => {
      const { kem } = suite();
      const pair = await kem.generateKeyPair();
      const publicKey = await kem.serializePublicKey(pair.publicKey);
      return new SealingKeyPair(Buffer.from(publicKey).toString('base64'), pair.privateKey);
    });
  }

  /** Opens what `seal` made for this pair with the same `info` and `aad`; anything else throws `sealing_failed`. */
  async open(sealed: Sealed, info: string, aad: string): Promise<Secret> {
    return orSealingFailed(async () => {
      const plaintext = await suite().open(
        { recipientKey: this.#privateKey, enc: decode(sealed.enc), info: bytes(info) },
        decode(sealed.ciphertext),
        bytes(aad),
      );
      return new Secret(Buffer.from(plaintext));
    });
  }
}
