import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CallDesk } from '../../../orchestrator/launch/call-desk.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('waits for a permit as long as any of its calls does', async () => {
  const waiting: boolean[] = [];
  const permits: PromiseWithResolvers<{ sendWithinMs: number }>[] = [];
  const desk = new CallDesk({
    attempt: { organisation: 'o', task: 't', epoch: 1, fence: 1, claw: 'c', key: 'k' },
    limiter: {
      permit: () => {
        const permit = Promise.withResolvers<{ sendWithinMs: number }>();
        permits.push(permit);
        return permit.promise;
      },
    },
    telemetry: { permitDecided: () => undefined },
    caps: async () => ({}),
    onWaiting: (is: boolean) => waiting.push(is),
  } as never);
  for (const callId of ['a', 'b'])
    await desk.permit({ callId, tokens: 1, waitMs: 60_000 } as never, () => undefined);
  await vi.advanceTimersByTimeAsync(1000);
  permits[0]!.resolve({ sendWithinMs: 1 });
  await vi.advanceTimersByTimeAsync(0);
  expect(waiting).toEqual([true]);
  permits[1]!.resolve({ sendWithinMs: 1 });
  await vi.advanceTimersByTimeAsync(0);
  expect(waiting).toEqual([true, false]);
});
