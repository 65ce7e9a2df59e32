import { expect, it } from 'vitest';
import { shredUnused } from '../../../orchestrator/tasks/shred-unused.ts';

it('keys of tasks that were not put in are destroyed, all that can be, but none of a task that is there all the same', async () => {
  const shredded: string[] = [];
  const vault = {
    shred: async (id: string) => {
      if (id === 'b') throw new Error('no disk');
      shredded.push(id);
    },
  };
  await shredUnused({ holdingContent: async () => new Set(['c']) }, vault, ['a', 'b', 'c', 'd']);
  expect(shredded.toSorted()).toEqual(['a', 'd']);
});

it('nothing is destroyed while nobody can tell what is needed', async () => {
  const shredded: string[] = [];
  const holdingContent = async (): Promise<never> => {
    throw new Error('no store');
  };
  await shredUnused({ holdingContent }, { shred: async (id) => void shredded.push(id) }, ['a']);
  expect(shredded).toEqual([]);
});
