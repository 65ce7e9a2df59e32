import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisStreamLog } from '../../../orchestrator/events/stream-log.ts';
import { RedisEventStreams } from '../../../orchestrator/reconcile/event-streams.ts';
import { TestRedis } from '../../support/redis.ts';

let redis: TestRedis;
const logs: RedisStreamLog[] = [];
beforeAll(async () => {
  redis = await TestRedis.start();
});
afterAll(async () => {
  for (const log of logs) log.close();
  await redis?.stop();
});

/** A stream as the service makes it. */
async function stream(install: string, task: string): Promise<void> {
  const log = new RedisStreamLog(redis.connect(), { install });
  logs.push(log);
  await expect.poll(() => log.isReady).toBe(true);
  await log.open({ organisation: 'org_1', task }, Buffer.from('wrapped'), undefined);
}

describe('streams of events that are left over', () => {
  it('are not those that go by themselves in some minutes', async () => {
    await stream('soon', 'task_9');
    const client = redis.connect();
    const streams = new RedisEventStreams(client, 'soon');
    expect(await streams.tasks()).toEqual(['task_9']);
    for (const key of await client.keys('clawcage:soon:*')) await client.pexpire(key, 60_000);
    expect(await streams.tasks()).toEqual([]);
  });

  it('are found by their task and forgotten, those of an installation whose id begins alike are not seen', async () => {
    await stream('abc', 'task_1');
    await stream('abc', 'task_2');
    await stream('abcd', 'task_3');
    const client = redis.connect();
    await client.set('clawcage:abc:{org_1}:other:task_4', '');
    const streams = new RedisEventStreams(client, 'abc');
    expect((await streams.tasks()).toSorted()).toEqual(['task_1', 'task_2']);
    await streams.forget('task_1');
    expect(await streams.tasks()).toEqual(['task_2']);
    expect(await new RedisEventStreams(client, 'abcd').tasks()).toEqual(['task_3']);
    expect(await client.keys('*task_1*')).toEqual([]);
  });
});
