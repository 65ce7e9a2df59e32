import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
});
