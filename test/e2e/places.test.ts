import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusReply } from '#protocol/api.ts';
import { napping, wake } from '../support/nap.ts';
import { TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await TestService.start({ CLAWCAGE_MAX_CAGES: '2', CLAWCAGE_RECONCILE_MS: '500' });
  for (const name of ['one', 'two', 'three']) await service.claw(name, { concurrency: 1 });
});
afterAll(() => service[Symbol.asyncDispose]());

describe('where there are fewer places than Claws', () => {
  it('a spare gives way to the task of another Claw', async () => {
    for (const name of ['three', 'two', 'one'])
      expect((await service.run(name, '@say hello')).answer).toBe('hello');
  });

  it('a task waits with its reason until its Claw, or the machine, has a place, and every one is done', async () => {
    const slow = '@tool shell {"command":"sleep 2"}\n@say done';
    const waits = (task: string, reason: string) =>
      service.until(async () => (await service.state(task)).waiting === reason, `${task} to wait: ${reason}`);
    const first = await service.submit('one', slow);
    const second = await service.submit('one', slow);
    await waits(second, 'concurrency');
    const others = await Promise.all(['two', 'three'].map((name) => service.submit(name, slow)));
    await service.until(async () => {
      const states = await Promise.all(others.map((task) => service.state(task)));
      return states.some(({ waiting }) => waiting === 'a place for its cage');
    }, 'one to wait for a place');
    for (const task of [first, second, ...others]) expect((await service.result(task)).answer).toBe('done');
  });

  it('a spare ends where the organisation may have fewer cages than there are', async () => {
    const cages = async () => (await service.ask<StatusReply>('GET', '/api/v1/status')).cages.length;
    await service.until(async () => (await cages()) === 2, 'spares in all places');
    await service.ask('PATCH', '/api/v1/limits', { maxCages: 1 });
    await service.until(async () => (await cages()) === 1, 'one of them to end');
    expect((await service.run('one', '@say still')).answer).toBe('still');
  });
});

describe('an organisation that may have fewer cages than the machine', () => {
  let own: TestService;
  beforeAll(async () => {
    // A round that comes this late lets nothing begin: what is seen here is the change itself.
    own = await TestService.start({ CLAWCAGE_WARM_SPARES: '0', CLAWCAGE_RECONCILE_MS: '600000' });
    await own.claw('worker', { concurrency: 3 });
  });
  afterAll(() => own?.[Symbol.asyncDispose]());

  it('has its tasks wait with that reason, until it may have more, or one of its cages is gone', async () => {
    const state = async (task: string) => (await own.state(task)).state;
    const waits = (task: string) =>
      own.until(
        async () => (await own.state(task)).waiting === 'a place for its cage in this organisation',
        `${task} to wait for a place in its organisation`,
      );
    await own.ask('PATCH', '/api/v1/limits', { maxCages: 1 });
    const first = await own.submit('worker', `${napping('true')}\n@say first`);
    await own.until(async () => (await state(first)) === 'running', 'the first to run');
    const second = await own.submit('worker', `${napping('true')}\n@say second`);
    await waits(second);
    await own.ask('PATCH', '/api/v1/limits', { maxCages: 2 });
    await own.until(async () => (await state(second)) === 'running', 'the second to run beside it');
    expect(await state(first)).toBe('running');
    const third = await own.submit('worker', '@say third');
    await waits(third);
    await wake(own, second);
    const [before, after] = [await own.result(second), await own.result(third)];
    expect([before.answer, after.answer]).toEqual(['second', 'third']);
    expect(after.task.startedAt! >= before.task.endedAt!).toBe(true);
    await wake(own, first);
    expect((await own.result(first)).answer).toBe('first');
  });
});
