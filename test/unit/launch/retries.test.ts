import { describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import type { ErrorCode } from '#errors/table.ts';
import { Retries } from '../../../orchestrator/launch/retries.ts';

const retry = { attempts: 3, backoffMs: 1000, maxBackoffMs: 60_000, idempotent: false };
const task = {
  id: 'task_1',
  organisation: 'o',
  claw: 'c',
  epoch: 1,
  spared: 0,
  acted: false,
  deadline: null,
};

/** Whether another attempt follows, for a task and a Claw with these changes. */
const follows = async (change: Change) => (await next(change)) !== undefined;

interface Change {
  readonly claw?: object;
  readonly row?: object;
  readonly handedOver?: boolean;
  readonly neverBegan?: boolean;
  readonly code?: ErrorCode;
}

async function next({
  claw = {},
  row = {},
  handedOver = true,
  neverBegan = false,
  code = 'cage_died',
}: Change) {
  const store = {
    tasks: { byId: async () => ({ ...task, cancelRequested: false, ...row }) },
    claws: { byId: async () => ({ retry, agent: { command: null }, ...claw }) },
  } as never;
  const retries = new Retries({ store, queue: {} as never, log: {} as never });
  return retries.next({ ...task, ...row } as never, new CodedError(code).toBody(), {
    handedOver,
    neverBegan,
  });
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

  it('does not count where the machine was at fault, however often; the policy is told of those that do', async () => {
    const away = { code: 'runtime_unavailable', handedOver: false } as const;
    for (const spared of [0, 3, 500])
      expect(await next({ ...away, row: { epoch: spared + 3, spared, acted: true } })).toMatchObject({
        spared: true,
        waiting: 'the container engine does not answer',
      });
    expect(await next({ row: { epoch: 9, spared: 8 } })).toMatchObject({
      spared: false,
      waiting: 'retry 2 of 3: cage_died',
    });
    expect(await next({ row: { epoch: 11, spared: 8 } })).toBeUndefined();
    expect(await next({ ...away, row: { cancelRequested: true } })).toBeUndefined();
    expect(await next({ ...away, row: { deadline: new Date(Date.now() + 500) } })).toMatchObject({
      spared: true,
    });
  });

  it('follows a launch that was cut off, which counts where that has happened twenty times', async () => {
    const cutOff = { neverBegan: true, handedOver: false };
    expect(await next({ ...cutOff, row: { epoch: 20, spared: 19 } })).toMatchObject({ spared: true });
    expect(await next({ ...cutOff, row: { epoch: 21, spared: 20 } })).toMatchObject({ spared: false });
    expect(await next({ ...cutOff, row: { epoch: 23, spared: 20 } })).toBeUndefined();
  });
});
