import { describe, expect, it, vi } from 'vitest';
import { KeptCages } from '../../../orchestrator/launch/kept-cages.ts';
import { LiveCage } from '../../../orchestrator/launch/live-cage.ts';

const MADE = new Date(1000);

/** A cage that answers `reset`, and what becomes of it; `atKeep` happens in the moment it is written down as kept. */
function keeping({
  atKeep = () => undefined,
}: { atKeep?: (claw: { state: string; updatedAt: Date }) => void } = {}) {
  const claw = { id: 'c', reuse: 'claw', state: 'deployed', updatedAt: MADE, concurrency: 1 };
  const done: string[] = [];
  const cage = new LiveCage('cage_1', 1, MADE);
  const proof = { ok: true, checks: [] };
  cage.attach({
    hello: { proof, meterPublicKey: 'first' } as never,
    heardMs: 0,
    send: (message) => {
      if (message.type === 'reset')
        void cage.receive({ type: 'ready', meterPublicKey: 'second', proof } as never, 1);
    },
    acknowledged: async () => undefined,
    caughtUp: async () => undefined,
    close: async () => undefined,
  });
  const kept = new KeptCages({
    store: {
      claws: { byId: async () => ({ ...claw }) },
      cages: {
        countOf: async () => 1,
        keep: async () => {
          atKeep(claw);
          return done.push('kept') > 0;
        },
      },
    } as never,
    keeper: { end: async () => done.push('ended'), retire: async () => done.push('retired') } as never,
    log: { warn: () => undefined } as never,
  });
  const keep = async (): Promise<void> => {
    const over = kept.keepOrEnd('o', 'c', cage);
    cage.dealtWith();
    await over;
  };
  return { claw, cage, done, keep, kept };
}

describe('a cage after its task', () => {
  it('is emptied and kept, with a new meter', async () => {
    const { cage, done, keep, kept } = keeping();
    await keep();
    expect(done).toEqual(['kept']);
    expect(cage.hello.meterPublicKey).toBe('second');
    expect(kept.isEmptying('cage_1')).toBe(false);
  });

  it('is ended where its Claw was changed or stopped since it was made', async () => {
    for (const change of [{ state: 'stopped' }, { updatedAt: new Date(2000) }, { reuse: 'task' }]) {
      const { claw, done, keep } = keeping();
      Object.assign(claw, change);
      await keep();
      expect(done).toEqual(['ended']);
    }
  });

  it('is ended too where that happens in the very moment in which it is kept', async () => {
    const { done, keep } = keeping({ atKeep: (claw) => void (claw.state = 'stopped') });
    await keep();
    expect(done).toEqual(['kept', 'retired']);
  });

  it('is ended where it does not come to rest or is not emptied in time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { cage, done, kept } = keeping();
      const over = kept.keepOrEnd('o', 'c', cage);
      await new Promise(setImmediate);
      await vi.advanceTimersByTimeAsync(60_000);
      await over;
      expect(done).toEqual(['ended']);
      expect(kept.isEmptying('cage_1')).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});
