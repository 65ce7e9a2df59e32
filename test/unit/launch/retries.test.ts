import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { Retries } from '../../../orchestrator/launch/retries.ts';

const retry = { attempts: 3, backoffMs: 1000, maxBackoffMs: 60_000, idempotent: false };
const died = new CodedError('cage_died').toBody();
const task = { id: 'task_1', organisation: 'o', claw: 'c', epoch: 1, acted: false, deadline: null };

/** Whether another attempt follows, for a task and a Claw with these changes. */
async function follows({
  claw = {},
  row = {},
  handedOver = true,
}: {
  claw?: object;
  row?: object;
  handedOver?: boolean;
}) {
  const store = {
    tasks: { byId: async () => ({ ...task, cancelRequested: false, ...row }) },
    claws: { byId: async () => ({ retry, agent: { command: null }, ...claw }) },
  } as never;
  const retries = new Retries({ store, queue: {} as never, log: {} as never });
  return (await retries.next(task as never, died, { handedOver })) !== undefined;
}

describe('another attempt', () => {
  it('follows, but not for a task that is to be cancelled, or would miss its deadline', async () => {
    expect(await follows({})).toBe(true);
    expect(await follows({ row: { cancelRequested: true } })).toBe(false);
    expect(await follows({ row: { deadline: new Date(Date.now() + 500) } })).toBe(false);
    expect(await follows({ row: { acted: true } })).toBe(false);
  });

  it('does not follow once an agent of the Claw’s own had the task: it may act without telling', async () => {
    const agent = { command: 'bash work.sh' };
    expect(await follows({ claw: { agent } })).toBe(false);
    expect(await follows({ claw: { agent }, handedOver: false })).toBe(true);
    expect(await follows({ claw: { agent, retry: { ...retry, idempotent: true } } })).toBe(true);
  });
});
