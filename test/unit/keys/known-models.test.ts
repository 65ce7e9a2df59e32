import { describe, expect, it } from 'vitest';
import { KnownModels } from '../../../orchestrator/keys/known-models.ts';

const key = { id: 'key_1', version: 1 };

describe('the models of a key', () => {
  it('are asked once by several at once, and not again for five minutes', async () => {
    let now = 0;
    let asked = 0;
    const known = new KnownModels(() => now);
    const ask = async (): Promise<string[]> => [`b${++asked}`, 'a', 'a'];
    const [one, two] = await Promise.all([known.of(key, ask), known.of(key, ask)]);
    expect(one).toEqual({ models: ['a', 'b1'], askedAt: new Date(0) });
    expect(two).toBe(one);
    now = 5 * 60_000 - 1;
    expect(await known.of(key, ask)).toBe(one);
    now = 5 * 60_000;
    expect((await known.of(key, ask)).models).toEqual(['a', 'b2']);
  });

  it('are asked anew once the key was rotated', async () => {
    const known = new KnownModels();
    await known.of(key, async () => ['old']);
    expect((await known.of({ ...key, version: 2 }, async () => ['new'])).models).toEqual(['new']);
  });

  it('are asked again after a failure', async () => {
    const known = new KnownModels();
    const failing = known.of(key, async () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect((await known.of(key, async () => ['a'])).models).toEqual(['a']);
  });
});
