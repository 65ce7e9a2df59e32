import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchReply, StatusReply, TaskView } from '#protocol/api.ts';
import { TestService } from '../../support/service.ts';

const docker = new Docker();
/** The smallest agent that makes a call. */
const ONE_CALL = `curl -sS --fail "$OPENAI_BASE_URL/chat/completions" -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -H 'content-type: application/json' -d '{"model":"gpt-4o","max_tokens":16,"messages":[{"role":"user","content":"@say ok"}]}'`;
/** Four at a time, on a machine that other files of tests keep busy. */
const BACKLOG_MS = 300_000;
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
    await service.ask('PATCH', '/api/v1/claws/keeper', { idleMs: 4000 });
    await service.until(
      async () => (await warm('keeper')).every(({ cageId }) => cageId !== before!.cageId),
      'the cage of before to be gone',
    );
    let next: string | undefined;
    await service.until(
      async () => (next = (await warm('keeper'))[0]?.cageId) !== undefined,
      'a cage of what it is now',
    );
    await service.until(
      async () => (await warm('keeper')).every(({ cageId }) => cageId !== next),
      'the idle cage to be gone',
    );
  });

  it(
    'does 200 tasks that come at once, each once, with no more cages than may run at once',
    async () => {
      await service.claw('many', {
        reuse: 'claw',
        concurrency: 4,
        agent: { command: ['sh', '-c', ONE_CALL] },
      });
      await service.ask('POST', '/api/v1/claws/keeper/stop');
      const before = service.chatCalls().length;
      using cages = await watchCages(service.install, (await containers()).length);
      const { body } = await service.call<BatchReply>(
        'POST',
        '/api/v1/claws/many/batches',
        Array.from({ length: 200 }, (_, index) => JSON.stringify({ text: 'go', ref: `task ${index}` })).join(
          '\n',
        ),
        { 'content-type': 'application/x-ndjson' },
      );
      const { id } = body.batch;
      await service.until(
        async () => (await service.ask<BatchReply>('GET', `/api/v1/batches/${id}`)).batch.done,
        '200 tasks to end',
        BACKLOG_MS,
      );
      expect(cages.most).toBeLessThanOrEqual(4);
      const { items } = await service.ask<{ items: TaskView[] }>(
        'GET',
        `/api/v1/tasks?batch=${id}&limit=200`,
      );
      expect(items.filter(({ state, epoch }) => state === 'succeeded' && epoch === 1)).toHaveLength(200);
      const calls = service.chatCalls().slice(before);
      expect(calls).toHaveLength(200);
      const { usage } = await service.ask<BatchReply>('GET', `/api/v1/batches/${id}`);
      expect(usage).toMatchObject({
        requests: 200,
        totalTokens: calls.reduce((sum, call) => sum + call.totalTokens, 0),
      });
    },
    BACKLOG_MS + 30_000,
  );
});

/** The most containers of cages that were there at once, by the engine's own events. */
async function watchCages(install: string, present: number): Promise<{ most: number } & Disposable> {
  const events = (await docker.getEvents({
    filters: {
      type: ['container'],
      event: ['create', 'destroy'],
      label: [`clawcage.install=${install}`, 'clawcage.cage'],
    },
  })) as Readable;
  const seen = { most: present, now: present };
  createInterface(events).on('line', (line) => {
    seen.now += (JSON.parse(line) as { Action: string }).Action === 'create' ? 1 : -1;
    seen.most = Math.max(seen.most, seen.now);
  });
  return {
    get most() {
      return seen.most;
    },
    [Symbol.dispose]: () => void events.destroy(),
  };
}
