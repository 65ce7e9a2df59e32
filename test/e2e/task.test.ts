import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskReply, UsageReply } from '#protocol/api.ts';
import { TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await TestService.start();
  await service.claw('worker');
});
afterAll(() => service[Symbol.asyncDispose]());

describe('a task', () => {
  it('goes in, works in its cage by a tool, and its answer comes out once', async () => {
    const { task, answer, usage } = await service.run('worker', {
      text: 'Count the words and lines of the attached file.',
      files: [{ name: 'story.txt', data: Buffer.from('one two three\nfour five\n').toString('base64') }],
    });
    expect(task.state).toBe('succeeded');
    expect(answer).toMatch(/\b5\b/);
    expect(answer).toMatch(/\b2\b/);
    expect(usage.requests).toBe(2);
  });

  it("is counted to the token as in the provider's own books", async () => {
    const before = service.chatCalls().length;
    const { usage } = await service.run(
      'worker',
      '@tool shell {"command":"echo hello"}\n@say {{last_tool_result}}',
    );
    const calls = service.chatCalls().slice(before);
    expect(usage.requests).toBe(calls.length);
    expect(usage.totalTokens).toBe(calls.reduce((sum, call) => sum + call.totalTokens, 0));
  });

  it('streams its answer to a watcher, and tells its end last', async () => {
    const id = await service.submit('worker', '@stream 30 tokens at 60/s');
    const socket = new WebSocket(`${service.url.replace('http', 'ws')}/api/v1/events`, [
      'clawcage',
      `clawcage.bearer.${service.token}`,
    ]);
    const kinds: string[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      socket.onerror = () => reject(new Error('the socket failed'));
      socket.onopen = () => socket.send(JSON.stringify({ type: 'subscribe', task: id }));
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data as string) as { event?: { kind: string } };
        kinds.push(message.event?.kind ?? 'other');
        if (message.event?.kind === 'ended') resolve();
      };
    });
    await ended;
    socket.close();
    expect(kinds.filter((kind) => kind === 'text').length).toBeGreaterThan(3);
    expect(kinds.at(-1)).toBe('ended');
  });

  it('given twice with one Idempotency-Key is one task, and with another body is refused', async () => {
    const send = (text: string) =>
      service.call<TaskReply>('POST', '/api/v1/claws/worker/tasks', { text }, { 'idempotency-key': 'once' });
    const first = await send('@say hello');
    const second = await send('@say hello');
    expect(second.body.task.id).toBe(first.body.task.id);
    expect((await send('@say other')).status).toBe(409);
    await service.result(first.body.task.id);
  });

  it('is cancelled within two seconds while it runs, and its cage is gone', async () => {
    const id = await service.submit('worker', '@tool shell {"command":"sleep 600"}');
    await service.until(async () => (await service.state(id)).state === 'running', 'the task to run');
    const began = performance.now();
    await service.ask('POST', `/api/v1/tasks/${id}/cancel`);
    await service.until(async () => (await service.state(id)).state === 'cancelled', 'its end', 2000);
    expect(performance.now() - began).toBeLessThan(2500);
  });

  it('that takes too long is timed out', async () => {
    const { task } = await service.run('worker', { text: '@wait 60s\n@say late', timeoutMs: 2000 });
    expect(task).toMatchObject({ state: 'timed_out', error: { code: 'task_timed_out' } });
  });

  it('gets through a 429 and a 500 of the provider', async () => {
    const limited = await service.run('worker', '@fail 429 retry-after 1 times 1\n@say through');
    expect(limited).toMatchObject({ task: { state: 'succeeded' }, answer: 'through' });
    const failed = await service.run('worker', '@fail 500 times 1\n@say through again');
    expect(failed).toMatchObject({ task: { state: 'succeeded' }, answer: 'through again' });
  });

  it('fails with the provider’s code when a 500 does not go away', async () => {
    await service.ask('PATCH', '/api/v1/claws/worker', { retry: { attempts: 1 } });
    const { task } = await service.run('worker', '@fail 500 times 100');
    expect(task).toMatchObject({ state: 'failed', error: { code: 'provider_failed' } });
  });

  it('waits while its Claw is stopped and goes on when it is deployed again', async () => {
    await service.ask('POST', '/api/v1/claws/worker/stop');
    const id = await service.submit('worker', '@say hello');
    await service.until(async () => (await service.state(id)).waiting === 'claw stopped', 'its reason');
    await service.ask('POST', '/api/v1/claws/worker/deploy');
    expect((await service.result(id)).answer).toBe('hello');
  });

  it('leaves the counts of its Claw in the usage of the last hour', async () => {
    const usage = await service.ask<UsageReply>('GET', '/api/v1/claws/worker/usage?since=1h');
    expect(usage.usage.requests).toBeGreaterThan(5);
  });
});
