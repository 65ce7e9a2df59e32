import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { DEFAULT_RESOURCES } from '#runtime/runtime.ts';
import { CageEnds } from '../../../orchestrator/reconcile/cage-ends.ts';
import { FakeRuntime } from '../../../orchestrator/runtimes/fake/index.ts';

const log = { warn: () => undefined } as never;

async function cages(count: number): Promise<FakeRuntime> {
  const runtime = new FakeRuntime({ install: 'a' });
  for (let index = 0; index < count; index++)
    await runtime.create(
      { cageId: `c${index}`, image: 'i', resources: DEFAULT_RESOURCES },
      Buffer.from('{}'),
    );
  return runtime;
}

describe('cages that end', () => {
  it('by the hundred in one moment are all seen to, many at once and never all', async () => {
    const runtime = await cages(300);
    const stop = new AbortController();
    const open: (() => void)[] = [];
    const lost = async ({ cageId }: { cageId: string }): Promise<void> => {
      await new Promise<void>((resolve) => open.push(resolve));
      await runtime.destroy(cageId);
    };
    const watching = new CageEnds({ runtime, lost, log }).watch(stop.signal);
    for (let index = 0; index < 300; index++) runtime.end(`c${index}`, 137);
    for (let left = 300; left > 0; left -= 16) {
      await expect.poll(() => open.length).toBe(Math.min(16, left));
      await new Promise(setImmediate);
      expect(open).toHaveLength(Math.min(16, left));
      for (const end of open.splice(0)) end();
    }
    await expect.poll(() => runtime.list()).toEqual([]);
    stop.abort();
    await watching;
  });

  it('do not wait for one that takes long, nor for one that cannot be dealt with', async () => {
    const runtime = await cages(40);
    const stop = new AbortController();
    const stuck = Promise.withResolvers<void>();
    const seen: string[] = [];
    const lost = async ({ cageId }: { cageId: string }): Promise<void> => {
      if (cageId === 'c0') return stuck.promise;
      seen.push(cageId);
      if (cageId === 'c1') throw new CodedError('runtime_unavailable');
    };
    const watching = new CageEnds({ runtime, lost, log }).watch(stop.signal);
    for (let index = 0; index < 40; index++) runtime.end(`c${index}`, 0);
    await expect.poll(() => seen.length).toBe(39);
    stop.abort();
    stuck.resolve();
    await watching;
  });
});
