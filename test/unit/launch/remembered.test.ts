import { describe, expect, it, vi } from 'vitest';
import { remembered } from '../../../orchestrator/launch/remembered.ts';

describe('what is remembered for half a second', () => {
  it('is read once for callers at once, and again when its time is over', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      let reads = 0;
      const value = remembered(async () => ++reads);
      expect(await Promise.all([value(), value()])).toEqual([1, 1]);
      vi.advanceTimersByTime(499);
      expect(await value()).toBe(1);
      vi.advanceTimersByTime(1);
      expect(await value()).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is asked for again where reading failed', async () => {
    const answers = [Promise.reject(new Error('away')), Promise.resolve('here')];
    const value = remembered(() => answers.shift()!);
    await expect(value()).rejects.toThrow('away');
    expect(await value()).toBe('here');
  });
});
