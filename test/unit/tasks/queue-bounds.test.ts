import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { QueueBounds } from '../../../orchestrator/tasks/queue-bounds.ts';

/** Bounds over counts that the test sets; `counted` are the questions to the store. */
function boundsOver(waiting: { claw: number; organisation: number }, { maxQueued = 100_000 } = {}) {
  const counted: string[] = [];
  const refused: string[] = [];
  const bounds = new QueueBounds({
    tasks: {
      countWaiting: async ({ claw }: { claw?: string }, most: number) => {
        const level = claw === undefined ? 'organisation' : 'claw';
        counted.push(level);
        return Math.min(waiting[level], most);
      },
    },
    maxQueued,
    onRefused: (level) => void refused.push(level),
  });
  const claw = { id: 'c', organisation: 'o', maxQueued: 10_000, state: 'deployed' as const };
  return { bounds, claw, counted, refused };
}
const codeOf = (error: unknown) => (error as CodedError).code;

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

describe('how many tasks may wait', () => {
  it('is not counted for each of a burst where there is room', async () => {
    const { bounds, claw, counted } = boundsOver({ claw: 10, organisation: 10 });
    for (let task = 0; task < 500; task++) (await bounds.assertRoom(claw, 1)).accepted();
    expect(counted).toEqual(['organisation', 'claw']);
    vi.advanceTimersByTime(1500);
    await bounds.assertRoom(claw, 1);
    expect(counted).toHaveLength(4);
  });

  it('is counted again by the store near the bound, and always where that is small', async () => {
    const { bounds, claw } = boundsOver({ claw: 9500, organisation: 9500 });
    expect((await bounds.assertRoom(claw, 1)).most).toBe(10_000);
    expect((await bounds.assertRoom({ ...claw, id: 'far', maxQueued: 50_000 }, 1)).most).toBeUndefined();
    expect(
      (await boundsOver({ claw: 0, organisation: 0 }).bounds.assertRoom({ ...claw, maxQueued: 5 }, 1)).most,
    ).toBe(5);
  });

  it.each([
    ['claw', { claw: 10_000, organisation: 10_000 }, 10_000],
    ['organisation', { claw: 10, organisation: 300 }, 300],
  ])('is bounded for the %s, with what to do', async (level, waiting, limit) => {
    const { bounds, claw, refused } = boundsOver(waiting, { maxQueued: level === 'claw' ? 100_000 : 300 });
    const error = await bounds.assertRoom(claw, 1).catch((thrown: CodedError) => thrown);
    expect(error).toMatchObject({
      code: 'queue_full',
      status: 429,
      details: { level, limit, queued: limit, retryAfterMs: 5000 },
    });
    expect(refused).toEqual([level]);
  });

  it('tells of a stopped Claw that it has to be deployed', async () => {
    const { bounds, claw } = boundsOver({ claw: 10_000, organisation: 10_000 });
    const error = await bounds
      .assertRoom({ ...claw, state: 'stopped' }, 1)
      .catch((thrown: CodedError) => thrown);
    expect(error).toMatchObject({
      details: { reason: expect.stringContaining('deployed'), retryAfterMs: 60_000 },
    });
  });

  it('refuses a batch that does not fit as a whole', async () => {
    const { bounds, claw } = boundsOver({ claw: 9_000, organisation: 9_000 });
    expect(await bounds.assertRoom(claw, 1001).catch(codeOf)).toBe('queue_full');
    expect((await bounds.assertRoom(claw, 1000)).most).toBe(10_000);
  });

  it('lets in again as soon as there is room, but for a moment', async () => {
    const waiting = { claw: 10_000, organisation: 10_000 };
    const { bounds, claw } = boundsOver(waiting);
    expect(await bounds.assertRoom(claw, 1).catch(codeOf)).toBe('queue_full');
    waiting.claw = 9_000;
    vi.advanceTimersByTime(100);
    expect((await bounds.assertRoom(claw, 1)).ahead).toBe(9_000);
  });

  it('completes what the store says, and leaves other errors alone', async () => {
    const { bounds, claw } = boundsOver({ claw: 0, organisation: 0 });
    const admission = await bounds.assertRoom(claw, 1);
    const stored = new CodedError('queue_full', { level: 'claw', limit: 10_000, queued: 9_999 });
    expect(admission.refused(stored)).toMatchObject({ details: { queued: 9_999, retryAfterMs: 5000 } });
    const other = new CodedError('store_unavailable');
    expect(admission.refused(other)).toBe(other);
  });
});
