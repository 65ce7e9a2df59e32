import { expect, it } from 'vitest';
import type { FromCage, StartMessage } from '#protocol/link-messages.ts';
import { FunctionDesk } from '../../../cage-image/warden/function-desk.ts';
import { plainInput } from '../../support/task-start.ts';

it('asks nobody what an agent that has ended left in its pipe', () => {
  const sent: FromCage[] = [];
  const input = { ...plainInput('x'), functions: [{ name: 'ask', parameters: {} }], functionWaitMs: 1_000 };
  const desk = new FunctionDesk({ taskId: 't', epoch: 1, input } as unknown as StartMessage, {
    send: (message) => sent.push(message),
    answer: () => undefined,
  });
  const call = { id: 'a', name: 'ask', arguments: '{}' };
  desk.call(call);
  desk.close();
  desk.call(call);
  expect(sent.map(({ type }) => type)).toEqual(['function_call', 'function_call_over']);
});
