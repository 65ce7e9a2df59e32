import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEY_INFO, seal, SealingKeyPair, type Sealed } from '#sealing/seal.ts';
import { Secret } from '#secret/secret.ts';

const aad = 'task_1:3';
const failed = expect.objectContaining({ code: 'sealing_failed' });

const flip = (base64: string, bit: number): string => {
  const bytes = Buffer.from(base64, 'base64');
  const at = bit % (bytes.length * 8);
  bytes[at >> 3]! ^= 1 << (at & 7);
  return bytes.toString('base64');
};

describe('sealing to a public key', () => {
  it('opens with the key pair, the info and the aad that it was sealed for', async () => {
    const pair = await SealingKeyPair.create();
    const sealed = await seal(pair.publicKey, Secret.fromText('sk-test'), KEY_INFO, aad);
    expect((await pair.open(sealed, KEY_INFO, aad)).expose().toString()).toBe('sk-test');
  });

  it('opens with nothing else', async () => {
    const pair = await SealingKeyPair.create();
    const other = await SealingKeyPair.create();
    const sealed = await seal(pair.publicKey, Buffer.from('sk-test'), KEY_INFO, aad);
    await expect(other.open(sealed, KEY_INFO, aad)).rejects.toEqual(failed);
    await expect(pair.open(sealed, 'clawcage/key/2', aad)).rejects.toEqual(failed);
    await expect(pair.open(sealed, KEY_INFO, 'task_1:4')).rejects.toEqual(failed);
  });

  it('does not open with one bit changed anywhere', async () => {
    const pair = await SealingKeyPair.create();
    const sealed = await seal(pair.publicKey, Buffer.from('sk-test-key'), KEY_INFO, aad);
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.boolean(), async (bit, inCiphertext) => {
        // The top bit of an X25519 public key is ignored by RFC 7748, but not by the key schedule, which hashes the bytes.
        const changed: Sealed = inCiphertext
          ? { ...sealed, ciphertext: flip(sealed.ciphertext, bit) }
          : { ...sealed, enc: flip(sealed.enc, bit) };
        await expect(pair.open(changed, KEY_INFO, aad)).rejects.toEqual(failed);
      }),
      { numRuns: 100 },
    );
  });

  it('does not open cut short, empty, or as rubbish', async () => {
    const pair = await SealingKeyPair.create();
    const sealed = await seal(pair.publicKey, Buffer.from('sk-test-key'), KEY_INFO, aad);
    const cut = Buffer.from(sealed.ciphertext, 'base64').subarray(0, -12).toString('base64');
    for (const bad of [
      { ...sealed, ciphertext: cut },
      { ...sealed, ciphertext: '' },
      { ...sealed, enc: '' },
      { enc: '%%%', ciphertext: '%%%' },
    ]) {
      await expect(pair.open(bad, KEY_INFO, aad)).rejects.toEqual(failed);
    }
  });

  it('refuses a public key that is none, and one that makes the shared secret known', async () => {
    for (const key of [
      '',
      'AAAA',
      Buffer.alloc(33, 7).toString('base64'),
      Buffer.alloc(32).toString('base64'),
    ]) {
      await expect(seal(key, Buffer.from('sk-test'), KEY_INFO, aad)).rejects.toEqual(failed);
    }
  });

  it('is HPKE as others speak it', async () => {
    const theirs = new CipherSuite({
      kem: new DhkemX25519HkdfSha256(),
      kdf: new HkdfSha256(),
      aead: new Aes256Gcm(),
    });
    const pair = await theirs.kem.generateKeyPair();
    const publicKey = Buffer.from(await theirs.kem.serializePublicKey(pair.publicKey)).toString('base64');
    const sealed = await seal(publicKey, Buffer.from('sk-test'), KEY_INFO, aad);
    const opened = await theirs.open(
      { recipientKey: pair, enc: Buffer.from(sealed.enc, 'base64'), info: Buffer.from(KEY_INFO) },
      Buffer.from(sealed.ciphertext, 'base64'),
      Buffer.from(aad),
    );
    expect(Buffer.from(opened).toString()).toBe('sk-test');
  });

  it("has its copy of the plaintext before it first waits, and leaves the caller's alone", async () => {
    const pair = await SealingKeyPair.create();
    const secret = Secret.fromText('sk-test');
    const sealing = seal(pair.publicKey, secret, KEY_INFO, aad);
    secret.wipe();
    expect((await pair.open(await sealing, KEY_INFO, aad)).expose().toString()).toBe('sk-test');
  });

  it('tells nothing of the plaintext in its errors', async () => {
    const error = await seal('AAAA', Buffer.from('sk-canary'), KEY_INFO, aad).catch(
      (thrown: unknown) => thrown as Error,
    );
    expect(JSON.stringify(error) + String(error) + String((error as Error).stack)).not.toContain('sk-canary');
    expect((error as Error).cause).toBeUndefined();
  });
});
