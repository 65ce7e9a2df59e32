import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '#secret/secret.ts';
import type { KeyBinding } from '#vault/binding.ts';
import { Vault } from '#vault/vault.ts';
import { MemoryKeks, MemoryShreddingKeys } from '../../support/memory-keys.ts';

const KEY = 'sk-proj-abcdefghijklmnop-x7Qd';
const binding: KeyBinding = { organisation: 'org_1', keyId: 'key_1', provider: 'openai', version: 1 };
const input = { organisation: 'org_1', task: 'task_1', kind: 'input' } as const;
const result = { ...input, kind: 'result' } as const;
const link = { organisation: 'org_1', cage: 'cage_1' };

const invalid = expect.objectContaining({ code: 'vault_record_invalid' });
const missing = expect.objectContaining({ code: 'vault_kek_missing' });
const shredded = expect.objectContaining({ code: 'vault_shredded' });

const text = (secret: Secret): string => secret.expose().toString();
const flipped = (record: Buffer, bit: number): Buffer => {
  const copy = Buffer.from(record);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
};

let keks: MemoryKeks;
let shredding: MemoryShreddingKeys;
let vault: Vault;
let record: Buffer;

beforeEach(async () => {
  keks = new MemoryKeks();
  shredding = new MemoryShreddingKeys();
  vault = new Vault({ keks, shredding });
  record = await vault.sealKey(binding, Secret.fromText(KEY));
});

describe('a provider key in the vault', () => {
  it('opens under its own binding, and its record does not hold it', async () => {
    expect(text(await vault.openKey(binding, record))).toBe(KEY);
    expect(record.includes(KEY)).toBe(false);
    expect(record.length).toBe(74 + 12 + KEY.length + 16);
  });

  it('is sealed under a fresh data key and IV each time', async () => {
    const again = await vault.sealKey(binding, Secret.fromText(KEY));
    expect(again.subarray(14, 74)).not.toEqual(record.subarray(14, 74));
    expect(again.subarray(74)).not.toEqual(record.subarray(74));
  });

  it('does not open with any single bit changed', async () => {
    for (let bit = 0; bit < record.length * 8; bit += 1) {
      const error = await vault.openKey(binding, flipped(record, bit)).catch((thrown: unknown) => thrown);
      const saysWhichKek = bit >= 16 && bit < 112;
      expect(error, `bit ${bit}`).toEqual(saysWhichKek ? missing : invalid);
    }
  });

  it('does not open for another tenant, key, provider or version', async () => {
    const strangers: Partial<KeyBinding>[] = [
      { organisation: 'org_2' },
      { keyId: 'key_2' },
      { provider: 'openclaw' },
      { version: 2 },
    ];
    for (const stranger of strangers) {
      await expect(vault.openKey({ ...binding, ...stranger }, record)).rejects.toEqual(invalid);
    }
  });

  it('does not open where the parts of a binding are cut differently', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), async (left, right) => {
        const whole = { ...binding, organisation: left + right, keyId: '' };
        const cut = { ...binding, organisation: left, keyId: right };
        const sealed = await vault.sealKey(whole, Secret.fromText(KEY));
        await expect(vault.openKey(cut, sealed)).rejects.toEqual(invalid);
      }),
      { numRuns: 50 },
    );
  });

  it('does not open with its data key swapped for that of another record', async () => {
    const other = await vault.sealKey(binding, Secret.fromText('sk-another-key-of-the-same'));
    const mixed = Buffer.concat([record.subarray(0, 74), other.subarray(74)]);
    await expect(vault.openKey(binding, mixed)).rejects.toEqual(invalid);
  });

  it('does not open cut at any place, nor with more behind it', async () => {
    for (let length = 0; length < record.length; length += 1) {
      await expect(vault.openKey(binding, record.subarray(0, length)), `${length} bytes`).rejects.toEqual(
        invalid,
      );
    }
    await expect(vault.openKey(binding, Buffer.concat([record, Buffer.alloc(1)]))).rejects.toEqual(invalid);
  });

  it('is not taken for a link secret or a content record', async () => {
    await expect(vault.openLink({ organisation: 'org_1', cage: 'key_1' }, record)).rejects.toEqual(invalid);
    await vault.sealContent(input, Buffer.from('text'));
    await expect(vault.openContent(input, record)).rejects.toEqual(invalid);
    const content = await vault.sealContent(input, Buffer.from('text'));
    await expect(vault.openKey({ ...binding, keyId: 'task_1' }, content)).rejects.toEqual(invalid);
  });
});

describe('the key-encryption keys', () => {
  it('open what an older version wrapped, and seal with the newest', async () => {
    keks.rotate();
    expect(text(await vault.openKey(binding, record))).toBe(KEY);
    expect((await vault.sealKey(binding, Secret.fromText(KEY))).readUInt32BE(2)).toBe(2);
  });

  it('name the version that is missing', async () => {
    keks.rotate();
    keks.keys.delete(1);
    const error = await vault.openKey(binding, record).catch((thrown: unknown) => thrown);
    expect(error).toEqual(missing);
    expect(error).toMatchObject({ details: { version: 1 } });
  });

  it('tell a lost key that was made anew from an altered record', async () => {
    const newHome = new Vault({ keks: new MemoryKeks(), shredding });
    await expect(newHome.openKey(binding, record)).rejects.toEqual(missing);
  });

  it('are rotated by wrapping the data key anew, with the content left as it is', async () => {
    keks.rotate();
    const rewrapped = await vault.rewrapKey(binding, record);
    expect(rewrapped.readUInt32BE(2)).toBe(2);
    expect(rewrapped.subarray(74)).toEqual(record.subarray(74));
    keks.keys.delete(1);
    expect(text(await vault.openKey(binding, rewrapped))).toBe(KEY);
    expect(await vault.rewrapKey(binding, rewrapped)).toBe(rewrapped);
  });

  it('rewrap nothing for a stranger', async () => {
    keks.rotate();
    await expect(vault.rewrapKey({ ...binding, organisation: 'org_2' }, record)).rejects.toEqual(invalid);
  });
});

describe('a link secret', () => {
  it('opens for its cage only, also after a rotation', async () => {
    const sealed = await vault.sealLink(link, new Secret(Buffer.alloc(32, 9)));
    keks.rotate();
    const rewrapped = await vault.rewrapLink(link, sealed);
    expect((await vault.openLink(link, rewrapped)).expose()).toEqual(Buffer.alloc(32, 9));
    await expect(vault.openLink({ ...link, cage: 'cage_2' }, sealed)).rejects.toEqual(invalid);
  });
});

describe('content', () => {
  it('opens until it is shredded, and never after', async () => {
    const sealedInput = await vault.sealContent(input, Buffer.from('a question'));
    const sealedResult = await vault.sealContent(result, Buffer.from('an answer'));
    expect(text(await vault.openContent(input, sealedInput))).toBe('a question');
    expect(text(await vault.openContent(result, sealedResult))).toBe('an answer');
    await vault.shred('task_1');
    await vault.shred('task_1');
    await expect(vault.openContent(input, sealedInput)).rejects.toEqual(shredded);
    await expect(vault.openContent(result, sealedResult)).rejects.toEqual(shredded);
    await expect(vault.sealContent(result, Buffer.from('late'))).rejects.toEqual(shredded);
  });

  it('does not open under a shredding key that was made anew', async () => {
    const sealed = await vault.sealContent(input, Buffer.from('a question'));
    await vault.shred('task_1');
    await vault.sealContent(input, Buffer.from('another'));
    await expect(vault.openContent(input, sealed)).rejects.toEqual(invalid);
  });

  it('may be empty, and long', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(3_000_000, 'x')]) {
      const opened = await vault.openContent(input, await vault.sealContent(input, bytes));
      expect(opened.expose().equals(bytes)).toBe(true);
    }
  });

  it("is not an input where it is a result, nor another task's, nor another tenant's", async () => {
    const sealed = await vault.sealContent(input, Buffer.from('a question'));
    await vault.sealContent({ ...input, task: 'task_2' }, Buffer.from('other'));
    await expect(vault.openContent(result, sealed)).rejects.toEqual(invalid);
    await expect(vault.openContent({ ...input, task: 'task_2' }, sealed)).rejects.toEqual(invalid);
    await expect(vault.openContent({ ...input, organisation: 'org_2' }, sealed)).rejects.toEqual(invalid);
  });

  it('does not open with any single bit changed', async () => {
    const sealed = await vault.sealContent(input, Buffer.from('q'));
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      await expect(vault.openContent(input, flipped(sealed, bit)), `bit ${bit}`).rejects.toEqual(invalid);
    }
  });
});

describe('what passes through the vault', () => {
  it("leaves no shredding key unwiped, and wipes nothing of the caller's", async () => {
    const mine = Secret.fromText('a question');
    const sealed = await vault.sealContent(input, mine);
    await vault.openContent(input, sealed);
    await vault.openContent(result, sealed).catch(() => undefined);
    expect(shredding.handedOut).toHaveLength(3);
    expect(shredding.handedOut.every((key) => key.wiped)).toBe(true);
    expect(mine.wiped).toBe(false);
    await vault.openKey(binding, record);
    expect((await keks.current()).key.wiped).toBe(false);
  });

  it('is in no error', async () => {
    const error = (await vault
      .openKey({ ...binding, version: 9 }, record)
      .catch((thrown: unknown) => thrown)) as Error;
    expect(`${JSON.stringify(error)}${String(error)}${error.stack}`).not.toContain('sk-proj');
    expect(error.cause).toBeUndefined();
  });
});
