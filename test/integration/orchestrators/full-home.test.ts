import { expect, it } from 'vitest';
import { ProcessLocks } from '../../../orchestrator/lease/process-locks.ts';
import { SmallDisk } from '../../support/small-disk.ts';

it('an orchestrator that starts on a full disk says that it is full, and starts when it is not', async () => {
  await using disk = await SmallDisk.mount(2);
  await disk.fill(0);
  const locks = new ProcessLocks(disk.path);
  expect(() => locks.take('a')).toThrow(expect.objectContaining({ code: 'store_full' }));
  await disk.makeRoom();
  using _lock = locks.take('a');
  expect(locks.isGone('a')).toBe(false);
});
