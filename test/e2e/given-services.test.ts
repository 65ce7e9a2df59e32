import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReadyReply } from '#protocol/api.ts';
import { napping, wake } from '../support/nap.ts';
import { TestPostgres } from '../support/postgres.ts';
import { TestRedis } from '../support/redis.ts';
import { TestService } from '../support/service.ts';
import { freePort } from '../support/free-port.ts';

let postgres: TestPostgres;
let redis: TestRedis;
let service: TestService;
beforeAll(async () => {
  postgres = await TestPostgres.start();
  redis = await TestRedis.start({ port: await freePort(), durable: true });
  service = await TestService.start({
    CLAWCAGE_DATABASE_URL: await postgres.newDatabase(),
    CLAWCAGE_REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    CLAWCAGE_LIMITER_HOLD_MS: '1000',
  });
  await service.claw('worker', { requestsPerMinute: 60 });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await redis.stop();
  await postgres[Symbol.asyncDispose]();
});

describe('on a PostgreSQL and a Redis that were given by URL', () => {
  it('a task is done', async () => {
    expect((await service.run('worker', '@say hello')).answer).toBe('hello');
  });

  it('a Redis that is gone means no permit and a service that says so; when it is back the task goes on', async () => {
    const before = service.chatCalls().length;
    const id = await service.submit('worker', `${napping('true')}\n@say through`);
    await service.until(async () => service.chatCalls().length > before, 'the first call');
    await redis.kill();
    const ready = await service.call<ReadyReply>('GET', '/readyz');
    expect(ready).toMatchObject({
      status: 503,
      body: { ready: false, parts: { redis: { ok: false }, store: { ok: true } } },
    });
    await wake(service, id);
    await service.until(
      async () => (await service.state(id)).waiting === 'permit: limiter unavailable',
      'the task to wait for a permit',
    );
    expect(service.chatCalls().length).toBe(before + 1);
    await redis.start();
    expect((await service.result(id)).answer).toBe('through');
    await service.until(
      async () => (await service.call('GET', '/readyz')).status === 200,
      'the service to be ready',
    );
  });
});
