import { expect, test } from 'vitest';
import type { ToCage } from '#protocol/link-messages.ts';
import { LiveCage } from '../../../orchestrator/launch/live-cage.ts';

const cageThat = (answers: (ping: Extract<ToCage, { type: 'ping' }>, cage: LiveCage) => void): LiveCage => {
  const cage = new LiveCage('cage', 1, new Date());
  cage.attach({
    hello: {},
    send: (message: ToCage) => void (message.type === 'ping' && answers(message, cage)),
  } as never);
  return cage;
};

test('a warm cage that answers can take a task, though nobody handles its messages yet', async () => {
  const cage = cageThat(({ id }, self) => void self.receive({ type: 'pong', id }, 1));
  expect(await cage.answers(1_000)).toBe(true);
  expect(await cage.answers(1_000)).toBe(true);
});

test('one that does not, or that answers an earlier question only, cannot', async () => {
  expect(await cageThat(() => undefined).answers(20)).toBe(false);
  const late = cageThat(({ id }, self) => void self.receive({ type: 'pong', id: id - 1 }, 1));
  expect(await late.answers(20)).toBe(false);
});

test('one whose link is closed cannot', async () => {
  const closed = cageThat(() => {
    throw new Error('closed');
  });
  expect(await closed.answers(20)).toBe(false);
});
