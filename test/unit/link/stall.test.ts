import { describe, expect, it, vi } from 'vitest';
import { watchStall } from '../../../cage-image/warden/link/stall.ts';

describe('a controller that lives', () => {
  it('is stalled only when a full window waits and nothing of it was acknowledged for the time', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const outbox = { acked: 0, bytes: 50 };
    const stalled = watchStall(outbox, 100, 1000);
    const after = (ms: number): boolean => {
      vi.advanceTimersByTime(ms);
      return stalled();
    };
    expect(after(500)).toBe(false);
    outbox.bytes = 2000;
    expect(after(90)).toBe(false);
    outbox.acked = 1;
    expect(after(90)).toBe(false);
    expect(after(90)).toBe(false);
    expect(after(20)).toBe(true);
    outbox.acked = 2;
    expect(after(500)).toBe(false);
    vi.useRealTimers();
  });
});
