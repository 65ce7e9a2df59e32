import { expect, it } from 'vitest';
import { WaitingReasons } from '../../../orchestrator/launch/waiting-reasons.ts';

it('of the reasons that hold the newest is told, in order, and none once it is closed', async () => {
  const told: (string | null)[] = [];
  const reasons = new WaitingReasons(async (reason) => void told.push(reason));
  reasons.set('permit', 'permit: key tokens');
  reasons.set('permit', 'permit: key tokens');
  reasons.set('function', 'a result');
  reasons.set('permit', 'permit: key turn');
  reasons.set('function', null);
  reasons.set('permit', null);
  await reasons.close();
  reasons.set('permit', 'permit');
  await reasons.close();
  expect(told).toEqual(['permit: key tokens', 'a result', 'permit: key turn', null]);
});
