import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { worstWindow } from '../../provider-sim/books.ts';
import { TestService } from '../support/service.ts';

const REQUESTS = 4;
const TOKENS = 9000;
let service: TestService;
beforeAll(async () => {
  service = await TestService.start();
  await service.claw('capped', {
    requestsPerMinute: REQUESTS,
    tokensPerMinute: TOKENS,
    concurrency: 4,
    maxSteps: 20,
  });
});
afterAll(() => service[Symbol.asyncDispose]());

describe('the caps of a Claw', () => {
  it("hold in every window of a minute by the provider's own books, while four tasks call at once", async () => {
    const before = service.chatCalls().length;
    const script = '@tool shell {"command":"true"}\n@tool shell {"command":"true"}\n@say done';
    const tasks = await Promise.all([1, 2, 3, 4].map(() => service.submit('capped', script)));
    const waitsFor = async (task: string) => (await service.state(task)).waiting;
    await service.until(
      async () => (await Promise.all(tasks.map(waitsFor))).includes('permit: claw requests'),
      'what they wait for',
    );
    await service.until(
      async () => service.chatCalls().length - before > REQUESTS,
      'the first call of the second minute',
      90_000,
    );
    const calls = service.chatCalls().slice(before);
    expect(worstWindow(calls, 60_000, () => 1).sum).toBe(REQUESTS);
    expect(worstWindow(calls, 60_000, (call) => call.totalTokens).sum).toBeLessThanOrEqual(TOKENS);
    await Promise.all(tasks.map((task) => service.call('POST', `/api/v1/tasks/${task}/cancel`)));
  });

  it('refuse at once a call that can never fit, and say what to lower', async () => {
    await service.ask('PATCH', '/api/v1/claws/capped', { tokensPerMinute: 50, requestsPerMinute: null });
    const { task } = await service.run('capped', '@say hello');
    expect(task.error?.code).toBe('limit_never_fits');
  });
});
