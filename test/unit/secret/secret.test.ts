import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Secret } from '#secret/secret.ts';

const CANARY = 'sk-canary-1234567890';

describe('a secret', () => {
  it('prints as nothing in every way that things get printed', () => {
    const secret = Secret.fromText(CANARY);
    const prints = [
      String(secret),
      `${secret as unknown as string}`,
      JSON.stringify({ secret }),
      inspect(secret, { showHidden: true, depth: null }),
      inspect({ nested: [secret] }, { showHidden: true, depth: null, getters: true }),
      format('%s %o %O %j', secret, secret, secret, secret),
      JSON.stringify(structuredClone({ ...secret })),
      new Error(`failed with ${secret as unknown as string}`).stack ?? '',
    ];
    const hex = Buffer.from(CANARY).toString('hex');
    const bytes = [...Buffer.from(CANARY)].join(',');
    for (const print of prints) {
      for (const leak of [CANARY, hex, bytes, hex.replace(/..(?=.)/g, '$& ')])
        expect(print).not.toContain(leak);
    }
    expect(String(secret)).toBe('[secret]');
  });

  it('overwrites its bytes when it is wiped or goes out of scope, and then opens no more', () => {
    const bytes = Buffer.from(CANARY);
    const secret = new Secret(bytes);
    secret.wipe();
    secret.wipe();
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(secret.wiped).toBe(true);
    expect(() => secret.expose()).toThrow('wiped');
    const scoped = Buffer.from(CANARY);
    {
      using held = new Secret(scoped);
      expect(held.wiped).toBe(false);
    }
    expect(scoped.every((byte) => byte === 0)).toBe(true);
  });
});
