import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Fences } from '../../../orchestrator/limiter/fences.ts';
import { Keys } from '../../../orchestrator/limiter/keys.ts';
import { Words } from '../../../orchestrator/limiter/words.ts';

const LIFE_MS = 1000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a fence that Redis has lost', () => {
  /** What Redis knows; it has lost it where it is 0. */
  let newest: number;
  let fences: Fences;
  const set = (fence: number): Promise<void> => fences.set('o', 't', fence);
  const putBack = (fence: number): Promise<string> =>
    fences.putBack('o', 't', fence).then(
      () => 'done',
      (error: { code: string }) => error.code,
    );

  beforeEach(async () => {
    newest = 0;
    const runner = {
      run: async (_script: string, _keys: unknown, args: readonly (string | number)[]) =>
        (newest = Math.max(newest, Number(args[0]))),
    };
    const words = new Words(runner);
    fences = new Fences({ keys: new Keys('test'), runner, words, lifeMs: LIFE_MS });
    await set(5);
    newest = 0;
  });

  it('is put back by who set it', async () => {
    expect(await putBack(5)).toBe('done');
  });

  it('is not put back by one who has let go of it', async () => {
    fences.letGo('o', 't', 5);
    expect(await putBack(5)).toBe('epoch_superseded');
  });

  it('is put back by one who let go of an older one', async () => {
    fences.letGo('o', 't', 4);
    expect(await putBack(5)).toBe('done');
  });

  it('is not put back by one who has heard of a newer one', async () => {
    newest = 6;
    await expect(set(5)).rejects.toMatchObject({ code: 'epoch_superseded' });
    newest = 0;
    expect(await putBack(5)).toBe('epoch_superseded');
  });

  it('is remembered for longer than an attempt lasts, counted from when it was set last, and no longer', async () => {
    vi.advanceTimersByTime(LIFE_MS);
    await set(5);
    vi.advanceTimersByTime(2 * LIFE_MS - 1);
    newest = 0;
    await fences.set('o', 'another', 1);
    newest = 0;
    expect(await putBack(5)).toBe('done');
    vi.advanceTimersByTime(2 * LIFE_MS);
    newest = 0;
    await fences.set('o', 'another', 1);
    newest = 0;
    expect(await putBack(5)).toBe('epoch_superseded');
  });
});
