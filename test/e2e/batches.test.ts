import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  BatchReply,
  BatchResult,
  BatchView,
  DeliveryView,
  KeyModelsReply,
  TaskView,
} from '#protocol/api.ts';
import { TestService } from '../support/service.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';

let folder: string;
let receiver: WebhookReceiver;
let service: TestService;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clawcage-batches-'));
  receiver = await WebhookReceiver.start(['host.docker.internal'], '0.0.0.0');
  writeFileSync(join(folder, 'ca.pem'), receiver.caPem);
  service = await TestService.start({
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    CLAWCAGE_GATE_ALLOW_HOSTS: `host.docker.internal:${receiver.port}`,
  });
  await service.claw('writer', { reuse: 'claw' });
  await service.claw('idle', { deploy: false });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const JSON_LINES = { 'content-type': 'application/x-ndjson' };
const linesOf = (tasks: readonly object[]): string => tasks.map((task) => JSON.stringify(task)).join('\n');

const send = <T = BatchReply>(claw: string, body: string, headers: Record<string, string> = {}) =>
  service.call<T>('POST', `/api/v1/claws/${claw}/batches`, body, { ...JSON_LINES, ...headers });

async function resultsOf(batch: string): Promise<BatchResult[]> {
  const answer = await fetch(`${service.url}/api/v1/batches/${batch}/results`, {
    headers: { authorization: `Bearer ${service.token}` },
  });
  expect(answer.headers.get('content-type')).toContain('application/x-ndjson');
  const text = await answer.text();
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as BatchResult);
}

const done = async (batch: string): Promise<BatchReply> => {
  const get = () => service.ask<BatchReply>('GET', `/api/v1/batches/${batch}`);
  await service.until(async () => (await get()).batch.done, `the end of ${batch}`, 60_000);
  return get();
};

describe('a batch', () => {
  it('runs every line, tells how far it is, and gives the results in their order', async () => {
    const tasks = [
      ...[1, 2, 3].map((n) => ({ text: `@say answer ${n}`, ref: `line-${n}` })),
      { text: '@fail 400', ref: 'bad' },
    ];
    const { status, body } = await send('writer', linesOf(tasks));
    expect([status, body.batch.total, body.batch.claw]).toEqual([202, 4, 'writer']);
    const { batch, usage } = await done(body.batch.id);
    expect(batch.states).toEqual({ succeeded: 3, failed: 1 });
    const results = await resultsOf(batch.id);
    expect(results.map(({ ref, state, answer }) => [ref, state, answer])).toEqual([
      ['line-1', 'succeeded', 'answer 1'],
      ['line-2', 'succeeded', 'answer 2'],
      ['line-3', 'succeeded', 'answer 3'],
      ['bad', 'failed', null],
    ]);
    expect(results[3]!.error?.code).toBeTruthy();
    const succeeded = service.chatCalls().filter((call) => call.status === 200);
    expect(usage.totalTokens).toBe(succeeded.reduce((sum, call) => sum + call.totalTokens, 0));
    const { items } = await service.ask<{ items: TaskView[] }>('GET', `/api/v1/tasks?batch=${batch.id}`);
    expect(items.map(({ ref }) => ref).toReversed()).toEqual(['line-1', 'line-2', 'line-3', 'bad']);
  });

  it('with a wrong line is no batch: all wrong lines are named, and nothing is there', async () => {
    const before = await service.ask<{ items: BatchView[] }>('GET', '/api/v1/batches');
    const { status, body } = await send<{ error: { code: string; details: { lines: object[] } } }>(
      'writer',
      '{"text":"fine"}\n{"text":""}\nnot json\n{"text":"a","deadline":"2001-01-01T00:00:00Z"}\n',
    );
    expect([status, body.error.code]).toEqual([400, 'request_invalid']);
    expect(body.error.details.lines).toMatchObject([
      { line: 2, fields: [{ field: 'text' }] },
      { line: 3, fields: [{ problem: 'not valid JSON' }] },
      { line: 4, fields: [{ field: 'deadline' }] },
    ]);
    expect(await service.ask('GET', '/api/v1/batches')).toEqual(before);
    const asJson = await service.call<{ error: { code: string } }>(
      'POST',
      '/api/v1/claws/writer/batches',
      {},
    );
    expect([asJson.status, asJson.body.error.code]).toEqual([400, 'request_invalid']);
    expect((await send('nobody', '{"text":"a"}')).status).toBe(404);
  });

  it('sent twice with one Idempotency-Key is one batch, and is ended as a whole', async () => {
    const once = { 'idempotency-key': 'batch-once' };
    const body = linesOf(Array.from({ length: 40 }, (_, n) => ({ text: `@say ${n}` })));
    const first = await send('idle', body, once);
    expect((await send('idle', body, once)).body.batch.id).toBe(first.body.batch.id);
    expect((await send('idle', `${body}\n{"text":"more"}`, once)).status).toBe(409);
    const { batch } = await service.ask<BatchReply>('POST', `/api/v1/batches/${first.body.batch.id}/cancel`);
    expect(batch).toMatchObject({ states: { cancelled: 40 }, done: true });
    const results = await resultsOf(batch.id);
    expect(new Set(results.map(({ error }) => error?.code))).toEqual(new Set(['task_cancelled']));
    const { items } = await service.ask<{ items: BatchView[] }>('GET', '/api/v1/batches?claw=idle');
    expect(items.map(({ id }) => id)).toEqual([batch.id]);
  });
});

describe('a webhook', () => {
  it('reaches its receiver through the gate when the task ends, signed', async () => {
    const webhook = `https://host.docker.internal:${receiver.port}/ended`;
    const task = await service.submit('writer', { text: '@say hello', webhook });
    await service.until(async () => receiver.received.length > 0, 'the webhook');
    const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
    const { secret } = await service.ask<{ secret: string }>('GET', '/api/v1/webhooks/secret');
    const told = new Webhook(secret).verify(body, headers as Record<string, string>);
    expect(told).toMatchObject({ type: 'task.ended', data: { task: { id: task, state: 'succeeded' } } });
    expect(body).not.toContain('hello');
    const list = () => service.ask<{ items: DeliveryView[] }>('GET', `/api/v1/tasks/${task}/deliveries`);
    await service.until(async () => (await list()).items[0]?.state === 'delivered', 'the delivery');
    expect((await list()).items).toMatchObject([{ task, attempts: 1, lastStatus: 204, url: webhook }]);
  });

  it('to a private address that nobody allowed fails, and says why', async () => {
    const task = await service.submit('writer', { text: '@say a', webhook: 'https://10.0.0.1/' });
    const list = () => service.ask<{ items: DeliveryView[] }>('GET', `/api/v1/tasks/${task}/deliveries`);
    await service.until(async () => (await list()).items[0]?.state === 'failed', 'the refusal');
    expect((await list()).items).toMatchObject([{ lastError: 'gate_address_denied', lastStatus: null }]);
  });
});

describe('following a task by Server-Sent Events', () => {
  it('gives its events to the end, and again from behind an id', async () => {
    const task = await service.submit('writer', '@stream 20 tokens at 200/s');
    const follow = async (headers: Record<string, string> = {}) => {
      const answer = await fetch(`${service.url}/api/v1/tasks/${task}/events`, {
        headers: { authorization: `Bearer ${service.token}`, ...headers },
      });
      const blocks = (await answer.text()).split('\n\n').filter((block) => block.startsWith('id:'));
      return blocks.map((block) => /^id: (\d+)\nevent: (\w+)/.exec(block)!.slice(1) as [string, string]);
    };
    const all = await follow();
    expect(all.at(-1)![1]).toBe('ended');
    expect(all.filter(([, kind]) => kind === 'text').length).toBeGreaterThan(2);
    const third = all[2]!;
    expect(await follow({ 'last-event-id': third[0] })).toEqual(all.slice(3));
    const none = await service.call('GET', '/api/v1/tasks/task_00000000000000000000/events');
    expect(none.status).toBe(404);
  });
});

it('the models of a key are what the provider says to it', async () => {
  const { models, key } = await service.ask<KeyModelsReply>('GET', '/api/v1/keys/main/models');
  expect(key).toBe('main');
  expect(models).toContain('gpt-4o');
  const again = await service.ask<KeyModelsReply>('GET', '/api/v1/keys/main/models');
  expect(again.models).toEqual(models);
});
