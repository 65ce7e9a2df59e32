import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { CageKeeper } from '../../../orchestrator/launch/cage-keeper.ts';

/** A keeper whose database fails so many times, and what it did to the engine. */
function keeperOf({ failures, holder = 'me' }: { failures: number; holder?: string }) {
  const destroyed: string[] = [];
  let left = failures;
  const cages = {
    end: async () => {
      if (left-- > 0) throw new CodedError('store_unavailable');
      return holder === 'me';
    },
    byId: async () => (holder === 'me' ? undefined : { id: 'cage_1', holder }),
    delete: async () => undefined,
  };
  const keeper = new CageKeeper({
    cages,
    runtime: { destroy: async (cage: string) => void destroyed.push(cage) },
    lease: { id: 'me' },
    log: { warn: () => undefined },
  } as never);
  return { keeper, destroyed };
}

describe('an end that failed because the database was away', () => {
  it('is tried again until it succeeds, and then no more', async () => {
    const { keeper, destroyed } = keeperOf({ failures: 2 });
    expect(await keeper.end('org', 'cage_1')).toBe(false);
    await keeper.endAgain();
    expect(destroyed).toEqual([]);
    await keeper.endAgain();
    await keeper.endAgain();
    expect(destroyed).toEqual(['cage_1']);
  });

  it('is given up where another holds the cage meanwhile', async () => {
    const { keeper, destroyed } = keeperOf({ failures: 1, holder: 'other' });
    await keeper.end('org', 'cage_1');
    await keeper.endAgain();
    await keeper.endAgain();
    expect(destroyed).toEqual([]);
  });
});
