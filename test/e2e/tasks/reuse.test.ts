import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusReply, TaskView } from '#protocol/api.ts';
import { TestService } from '../../support/service.ts';

const docker = new Docker();
let service: TestService;
beforeAll(async () => {
  service = await TestService.start({ CLAWCAGE_RECONCILE_MS: '500' });
});
afterAll(() => service[Symbol.asyncDispose]());

const containers = async () =>
  (
    await docker.listContainers({
      all: true,
      filters: { label: [`clawcage.install=${service.install}`, 'clawcage.cage'] },
    })
  ).map(({ Id }) => Id);
const warm = async (claw: string) =>
  (await service.ask<StatusReply>('GET', '/api/v1/status')).cages.filter(
    (cage) => cage.claw === claw && cage.state === 'warm',
  );
const rested = (claw: string) =>
  service.until(async () => (await warm(claw)).length > 0, 'its cage to be ready again');

describe('a Claw that keeps its cage', () => {
  it('has it for the next task, empty, also after the service was killed', async () => {
    await service.claw('keeper', { reuse: 'claw', concurrency: 1 });
    const [container] = await containers();
    const first = await service.run(
      'keeper',
      '@tool shell {"command":"echo x > /work/left; echo x > /tmp/left; (sleep 600 &)"}\n@say one',
    );
    expect(first.answer).toBe('one');
    await rested('keeper');
    await service.down('SIGKILL');
    await service.up();
    const second = await service.run(
      'keeper',
      '@tool shell {"command":"ls -A /work /tmp; pgrep sleep"}\n@say {{last_tool_result}}',
    );
    expect(second.task.state).toBe('succeeded');
    expect(second.answer).not.toContain('left');
    await rested('keeper');
    expect(await containers()).toEqual([container]);
  });

  it('loses it by a change, and when its idle time is over', async () => {
    const [before] = await warm('keeper');
    await service.ask('PATCH', '/api/v1/claws/keeper', { idleMs: 1000 });
    await service.until(
      async () => (await warm('keeper')).every(({ cageId }) => cageId !== before!.cageId),
      'the cage of before to be gone',
    );
    await rested('keeper');
    const [next] = await warm('keeper');
    await service.until(
      async () => (await warm('keeper')).every(({ cageId }) => cageId !== next!.cageId),
      'the idle cage to be gone',
    );
  });

  it('does 200 tasks that come at once, each once, with no more cages than may run at once', async () => {
    await service.claw('many', { reuse: 'claw', concurrency: 4, timeoutMs: 120_000 });
    await service.ask('POST', '/api/v1/claws/keeper/stop');
    const before = service.chatCalls().length;
    const tasks = await Promise.all(
      Array.from({ length: 200 }, (_, index) => service.submit('many', `@say ${index}`)),
    );
    let most = 0;
    await service.until(
      async () => {
        most = Math.max(most, (await containers()).length);
        const { items } = await service.ask<{ items: TaskView[] }>(
          'GET',
          '/api/v1/tasks?claw=many&limit=200',
        );
        return items.every(({ endedAt }) => endedAt !== null);
      },
      '200 tasks to end',
      120_000,
    );
    const { items } = await service.ask<{ items: TaskView[] }>('GET', '/api/v1/tasks?claw=many&limit=200');
    expect(items.map(({ id }) => id).toSorted()).toEqual(tasks.toSorted());
    expect(items.filter(({ state, epoch }) => state === 'succeeded' && epoch === 1)).toHaveLength(200);
    expect(most).toBeLessThanOrEqual(4);
    const calls = service.chatCalls().slice(before);
    expect(calls).toHaveLength(200);
    const { usage } = await service.ask<{ usage: { requests: number; totalTokens: number } }>(
      'GET',
      '/api/v1/claws/many/usage?since=1h',
    );
    expect(usage).toMatchObject({
      requests: 200,
      totalTokens: calls.reduce((sum, call) => sum + call.totalTokens, 0),
    });
  });
});
