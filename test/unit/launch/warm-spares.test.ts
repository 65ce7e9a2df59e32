import { describe, expect, it } from 'vitest';
import { WarmSpares } from '../../../orchestrator/launch/warm-spares.ts';
import { Reconciler } from '../../../orchestrator/reconcile/reconciler.ts';

const cage = (id: string, state: string, purpose = 'task') => ({ id, state, purpose });
const CAGES = [
  cage('run', 'assigned'),
  cage('spare_1', 'warm'),
  cage('starts', 'creating'),
  cage('spare_2', 'warm'),
  cage('spare_3', 'warm'),
  cage('goes', 'ending'),
  cage('check', 'warm', 'verify'),
];

/** Spares of an organisation that may have so many cages, and which of them are ended; of those that `claimed` names a task was faster. */
function sparesOf({ maxCages, claimed = [] }: { maxCages: number | null; claimed?: string[] }) {
  const ended: string[] = [];
  const spares = new WarmSpares({
    cages: { list: async () => CAGES } as never,
    organisations: { byId: async () => ({ maxCages }) as never },
    keeper: {
      retire: async (_: string, id: string) => !claimed.includes(id) && ended.push(id) > 0,
    } as never,
    claws: {} as never,
    room: {} as never,
    perClaw: 1,
    log: { warn: () => undefined } as never,
  });
  return { spares, ended };
}

describe('the spares of an organisation that may have fewer cages now', () => {
  it.each([
    [null, []],
    [5, []],
    [4, ['spare_1']],
    [3, ['spare_1', 'spare_2']],
    [1, ['spare_1', 'spare_2', 'spare_3']],
  ])('%s at once: %j end, and nothing that works', async (maxCages, gone) => {
    const { spares, ended } = sparesOf({ maxCages });
    await spares.endAbove('o');
    expect(ended).toEqual(gone);
  });

  it('are not fewer by a second one where a task has got the first', async () => {
    const { spares, ended } = sparesOf({ maxCages: 4, claimed: ['spare_1'] });
    await spares.endAbove('o');
    expect(ended).toEqual([]);
  });

  it('end with a round of the reconciler at the latest', async () => {
    const { spares, ended } = sparesOf({ maxCages: 4 });
    const idle = { round: async () => undefined };
    const reconciler = new Reconciler({
      gate: idle,
      adoption: idle as never,
      reaper: idle as never,
      keeper: { endAgain: async () => undefined } as never,
      store: { claws: { list: async () => [] } } as never,
      runtime: {} as never,
      runs: {} as never,
      kept: {} as never,
      dispatcher: {} as never,
      spares,
      organisation: 'o',
      everyMs: 1000,
      log: { warn: () => undefined } as never,
    });
    await reconciler.round();
    expect(ended).toEqual(['spare_1']);
  });
});
