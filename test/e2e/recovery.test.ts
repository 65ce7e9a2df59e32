import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { napping, wake } from '../support/nap.ts';
import { TestService } from '../support/service.ts';

const docker = new Docker();
const NAP = `${napping('echo survived')}\n@say {{last_tool_result}}`;
/** What a kill left of a cage that was just being made goes after `CLAWCAGE_GRACE_MS` and a round. */
const LEFT_MS = 90_000;

let service: TestService;
beforeAll(async () => {
  service = await TestService.start();
  await service.claw('worker', { retry: { attempts: 1 } });
});
afterAll(() => service[Symbol.asyncDispose]());

const cages = async (): Promise<{ id: string; name: string }[]> => {
  const found = await docker.listContainers({
    all: true,
    filters: { label: [`clawcage.install=${service.install}`, 'clawcage.cage'] },
  });
  return found.map(({ Id, Names }) => ({ id: Id, name: Names[0]! }));
};

const cageOf = async (task: string): Promise<string> => {
  const { cages: rows } = await service.ask<{ cages: { cageId: string; task: string | null }[] }>(
    'GET',
    '/api/v1/status',
  );
  const row = rows.find((candidate) => candidate.task === task)!;
  return (await cages()).find(({ name }) => name.endsWith(row.cageId))!.id;
};

const running = (task: string) =>
  service.until(async () => (await service.state(task)).state === 'running', 'the task to run');

describe('a running task', () => {
  it('goes on in the same container when the service is killed and started again, and succeeds once', async () => {
    const before = service.chatCalls().length;
    const id = await service.submit('worker', NAP);
    await running(id);
    const container = await cageOf(id);
    await service.down('SIGKILL');
    await service.up();
    expect(await cageOf(id)).toBe(container);
    await wake(service, id);
    const { task, answer, usage } = await service.result(id);
    expect(task).toMatchObject({ state: 'succeeded', epoch: 1 });
    expect(answer).toContain('survived');
    expect(usage.requests).toBe(service.chatCalls().length - before);
  });

  it('goes on when the service is stopped in order and started again; the stop takes less than ten seconds and exits 0', async () => {
    const id = await service.submit('worker', NAP);
    await running(id);
    const container = await cageOf(id);
    const began = performance.now();
    expect(await service.down('SIGTERM')).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
    await service.up();
    expect(await cageOf(id)).toBe(container);
    await wake(service, id);
    expect((await service.result(id)).task).toMatchObject({ state: 'succeeded', epoch: 1 });
  });

  it('ends with an answer or a code when the gate is killed in the middle, and the gate comes back', async () => {
    const id = await service.submit(
      'worker',
      '@tool shell {"command":"sleep 2; echo one"}\n@say {{last_tool_result}}',
    );
    await running(id);
    await docker.getContainer(`clawcage-gate-${service.install}`).kill();
    const { task } = await service.result(id);
    expect(task.state === 'succeeded' || task.error !== undefined).toBe(true);
    expect((await service.run('worker', '@say back')).answer).toBe('back');
  });

  it('that has no other attempt fails with cage_died when its container is removed by hand', async () => {
    const id = await service.submit('worker', '@tool shell {"command":"sleep 600"}');
    await running(id);
    await docker.getContainer(await cageOf(id)).remove({ force: true });
    expect((await service.result(id)).task).toMatchObject({ state: 'failed', error: { code: 'cage_died' } });
  });

  it('leaves no container behind but the warm spare', async () => {
    await service.until(async () => (await cages()).length === 1, 'the cages to be gone', LEFT_MS);
  });
});
