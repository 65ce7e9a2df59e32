import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ResumingWatcher } from '../../support/resuming-watcher.ts';
import { TestOrchestrators } from '../../support/orchestrators.ts';
import { until } from '../../support/service.ts';

/** Each event once and in order, and nothing missing: the pieces of the answer are the answer. */
async function sawAll(watcher: ResumingWatcher, answer: string | null): Promise<void> {
  await until(async () => watcher.hasEnded, 'the last event');
  expect(watcher.text).toBe(answer);
  expect(watcher.count('gap')).toBe(0);
  const { ids } = watcher;
  expect(ids).toEqual(ids.map((_, index) => ids[0]! + index));
}

describe('two orchestrators', () => {
  let all: TestOrchestrators;
  beforeAll(async () => {
    all = await TestOrchestrators.start(2);
    await all.at(0).claw('streamer');
  });
  afterAll(() => all[Symbol.asyncDispose]());

  const holderOf = async (task: string): Promise<number> => {
    const [row] = await all.rows<{ pid: number }>(
      'select pid from orchestrators where id = (select holder from tasks where id = $1)',
      [task],
    );
    return [0, 1].find((at) => all.at(at).pid === row?.pid)!;
  };
  const running = async (task: string): Promise<number> => {
    await until(async () => (await all.at(0).state(task)).state === 'running', 'the task to run');
    return holderOf(task);
  };

  it('show the same: a watcher goes from one to the other, and sees each piece once when the one that has the task dies', async () => {
    const id = await all.at(0).submit('streamer', '@stream 180 tokens at 30/s');
    const holder = await running(id);
    const other = 1 - holder;
    using wandering = new ResumingWatcher(id);
    using steady = new ResumingWatcher(id);
    await steady.connect(all.at(other));
    await wandering.connect(all.at(holder));
    await until(async () => wandering.text.length > 100, 'pieces where the task is');
    await wandering.connect(all.at(other));
    const before = wandering.text.length;
    await until(async () => wandering.text.length > before + 100, 'pieces elsewhere');
    await all.kill(holder);
    const { answer, task } = await all.at(other).result(id);
    expect(task.epoch).toBe(1);
    await sawAll(wandering, answer);
    await sawAll(steady, answer);
    await all.up(holder);
  });

  it('show it so also where all of them are killed in the middle and started again', async () => {
    const id = await all.at(0).submit('streamer', '@stream 150 tokens at 30/s');
    using watcher = new ResumingWatcher(id);
    await watcher.connect(all.at(1));
    await until(async () => watcher.text.length > 100, 'the first pieces');
    await Promise.all([all.kill(0), all.kill(1)]);
    await Promise.all([all.up(0), all.up(1)]);
    expect(watcher.hasEnded).toBe(false);
    await watcher.connect(all.at(0));
    const { answer } = await all.at(0).result(id);
    await sawAll(watcher, answer);
    // One who comes after all that sees the same.
    using late = new ResumingWatcher(id);
    await late.connect(all.at(1));
    await sawAll(late, answer);
  });

  it('take the answer to a function at the one that does not have the task, and refuse a second', async () => {
    const id = await all.at(0).submit('streamer', {
      text: '@tool ask {"what":"it"}\n@say {{last_tool_result}}',
      functions: [{ name: 'ask', description: 'asks', parameters: { type: 'object' } }],
    });
    const other = all.at(1 - (await running(id)));
    type Calls = { items: { id: string }[] };
    const calls = async (): Promise<Calls['items']> =>
      (await other.ask<Calls>('GET', `/api/v1/tasks/${id}/calls`)).items;
    await until(async () => (await calls()).length === 1, 'the call');
    const path = `/api/v1/tasks/${id}/calls/${(await calls())[0]!.id}`;
    const unknown = await other.call('POST', `/api/v1/tasks/${id}/calls/nobody`, { output: 'x' });
    expect(unknown.status).toBe(404);
    const replies = await Promise.all(
      ['first', 'second'].map((output) => other.call('POST', path, { output })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect((await other.result(id)).answer).toMatch(/first|second/);
  });

  it('cancel at the one that does not have the task ends it in two seconds, with Redis and without', async () => {
    for (const withRedis of [true, false]) {
      const id = await all.at(0).submit('streamer', '@tool shell {"command":"sleep 600"}');
      const other = all.at(1 - (await running(id)));
      if (!withRedis) all.redis.pause();
      try {
        const began = performance.now();
        await other.ask('POST', `/api/v1/tasks/${id}/cancel`);
        await until(async () => (await other.state(id)).state === 'cancelled', 'the end');
        expect(performance.now() - began).toBeLessThan(2000);
      } finally {
        if (!withRedis) all.redis.resume();
      }
    }
  });
});
