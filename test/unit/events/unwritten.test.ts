import { expect, test } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { Audience } from '../../../orchestrator/events/audience.ts';
import { SealedRing } from '../../../orchestrator/events/sealed-ring.ts';
import { Unwritten } from '../../../orchestrator/events/unwritten.ts';

const said = (status: string) => ({
  at: '2026-01-01T00:00:00.000Z',
  event: { kind: 'status' as const, status },
});

test('what goes into a new stream again is nobody’s failure where a newer writer has the task', async () => {
  const ring = new SealedRing('task', 100_000);
  const unwritten = new Unwritten({
    ring,
    audience: new Audience('task', ring),
    base: () => 0,
    nowUs: () => 0,
  });
  const failed: unknown[] = [];
  const note = (error: unknown): void => void failed.push(error);
  process.on('unhandledRejection', note);
  try {
    const sealed = ring.seal(1, said('before'));
    ring.add(1, sealed);
    const taken = unwritten.add(said('now'), { fence: 2 });
    unwritten.putBack([{ id: 1, sealed }]);
    unwritten.savedId = 0;
    unwritten.refuse(2, new CodedError('lease_lost'));
    await expect(taken).rejects.toMatchObject({ code: 'lease_lost' });
    expect(unwritten.isEmpty).toBe(true);
    // Node tells of a rejection that nobody handled after the microtasks of this turn.
    await new Promise((resolve) => setImmediate(resolve));
    expect(failed).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});
