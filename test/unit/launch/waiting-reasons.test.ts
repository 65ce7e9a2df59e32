import { expect, it } from 'vitest';
import { WaitingReasons } from '../../../orchestrator/launch/waiting-reasons.ts';

it('of the reasons that hold the newest is told, in order, and none once it is closed', async () => {
  const told: (string | null)[] = [];
  const reasons = new WaitingReasons(async (reason) => void told.push(reason));
  reasons.set('permit', true);
  reasons.set('permit', true);
  reasons.set('a result', true);
  reasons.set('a result', false);
  reasons.set('permit', false);
  await reasons.close();
  reasons.set('permit', true);
  await reasons.close();
  expect(told).toEqual(['permit', 'a result', 'permit', null]);
});
