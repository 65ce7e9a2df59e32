import { createCipheriv, createDecipheriv } from 'node:crypto';
import { AeadId, type AeadEncryptionContext, type AeadInterface } from '@hpke/core';

const TAG_BYTES = 16;

type Bytes = ArrayBufferLike | ArrayBufferView;

function view(bytes: Bytes): Buffer {
  return ArrayBuffer.isView(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : Buffer.from(bytes);
}

/** An ArrayBuffer of its own, exact in length: small Buffers are slices of a pool that others share. */
export function ownCopy(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}

/** One message under one key, which is overwritten after it. */
class OneMessage implements AeadEncryptionContext {
  readonly #key: Buffer;

  constructor(key: Bytes) {
    this.#key = Buffer.from(ownCopy(view(key)));
  }

  async seal(iv: Bytes, data: Bytes, aad: Bytes): Promise<ArrayBuffer> {
    const cipher = createCipheriv('aes-256-gcm', this.#key, view(iv), { authTagLength: TAG_BYTES });
    cipher.setAAD(view(aad));
    const body = [cipher.update(view(data)), cipher.final()];
    this.#key.fill(0);
    return ownCopy(Buffer.concat([...body, cipher.getAuthTag()]));
  }

  async open(iv: Bytes, data: Bytes, aad: Bytes): Promise<ArrayBuffer> {
    const sealed = view(data);
    const end = sealed.length - TAG_BYTES;
    if (end < 0) throw new RangeError('shorter than its tag');
    const decipher = createDecipheriv('aes-256-gcm', this.#key, view(iv), { authTagLength: TAG_BYTES });
    this.#key.fill(0);
    decipher.setAAD(view(aad));
    decipher.setAuthTag(sealed.subarray(end));
    const plaintext = decipher.update(sealed.subarray(0, end));
    try {
      decipher.final();
      return ownCopy(plaintext);
    } finally {
      plaintext.fill(0);
    }
  }
}

/**
 * AES-256-GCM for HPKE (RFC 9180, AEAD 0x0002) by node:crypto. WebCrypto, which `@hpke/core` uses by itself, copies
 * what it encrypts into memory that is freed without being overwritten; here every copy of the plaintext is ours to zero.
 */
export const wipingAes256Gcm: AeadInterface = {
  id: AeadId.Aes256Gcm,
  keySize: 32,
  nonceSize: 12,
  tagSize: TAG_BYTES,
  createEncryptionContext: (key) => new OneMessage(key),
};
