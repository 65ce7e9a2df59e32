import { describe, expect, it, vi } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { remembered } from '../../../orchestrator/launch/remembered.ts';

describe('what is remembered for 0.4 s', () => {
  it('is read once for callers at once, and again when its time is over', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      let reads = 0;
      const value = remembered(async () => ++reads);
      expect(await Promise.all([value(), value()])).toEqual([1, 1]);
      vi.advanceTimersByTime(399);
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

  it('holds for as long as the database is away; what is wrong in another way is told', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const answers = ['read', new CodedError('store_unavailable'), new CodedError('key_revoked')];
      const value = remembered(async () => {
        const answer = answers.shift()!;
        if (typeof answer !== 'string') throw answer;
        return answer;
      });
      expect(await value()).toBe('read');
      vi.advanceTimersByTime(600);
      expect(await value()).toBe('read');
      vi.advanceTimersByTime(600);
      await expect(value()).rejects.toMatchObject({ code: 'key_revoked' });
    } finally {
      vi.useRealTimers();
    }
  });

  it('holds while the database hangs, which is asked once; its answer counts when it comes', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    try {
      const hanging = Promise.withResolvers<string>();
      const answers = [Promise.resolve('read'), hanging.promise, new Promise<string>(() => undefined)];
      const value = remembered(() => answers.shift()!);
      const inTime = async (): Promise<string> => {
        vi.advanceTimersByTime(1_000);
        const told = value();
        await vi.advanceTimersByTimeAsync(300);
        return told;
      };
      expect(await value()).toBe('read');
      for (let nth = 0; nth < 5; nth++) expect(await inTime()).toBe('read');
      expect(answers).toHaveLength(1);
      hanging.resolve('late');
      await vi.advanceTimersByTimeAsync(0);
      expect(await inTime()).toBe('late');
    } finally {
      vi.useRealTimers();
    }
  });
});
