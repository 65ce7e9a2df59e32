import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { webhookBody, type TaskReply } from '#protocol/api.ts';
import { Vault } from '#vault/vault.ts';
import { openStore, type Store } from '../../../orchestrator/store/store.ts';
import { taskView } from '../../../orchestrator/tasks/task-view.ts';
import { Telemetry } from '../../../orchestrator/telemetry/telemetry.ts';
import { DeliveryWorker } from '../../../orchestrator/webhooks/delivery-worker.ts';
import { Poster } from '../../../orchestrator/webhooks/post.ts';
import { WebhookSecrets } from '../../../orchestrator/webhooks/webhook-secrets.ts';
import { WebhookService } from '../../../orchestrator/webhooks/webhook-service.ts';
import { eventually } from '../../support/eventually.ts';
import { startGate, type TestGate } from '../../support/gate.ts';
import { giveStore } from '../../support/made-store.ts';
import { MemoryKeks, MemoryShreddingKeys } from '../../support/memory-keys.ts';
import { newTenant, type Tenant } from '../../support/store-rows.ts';
import { WebhookReceiver } from '../../support/webhook-receiver.ts';

const log = pino({ level: 'silent' });
let home: string;
let store: Store;
let gate: TestGate;
let receiver: WebhookReceiver;
let tenant: Tenant;
let secrets: WebhookSecrets;
let workers: DeliveryWorker[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'clawcage-webhooks-'));
  await giveStore(home);
  store = await openStore({ home, log });
  receiver = await WebhookReceiver.start();
  gate = await startGate({ allowHosts: [`localhost:${receiver.port}`] });
});
afterAll(async () => {
  await store.close();
  await gate[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

beforeEach(async () => {
  receiver.received.length = 0;
  receiver.answers.length = 0;
  tenant = await newTenant(store);
  const vault = new Vault({ keks: new MemoryKeks(), shredding: new MemoryShreddingKeys() });
  secrets = new WebhookSecrets({ organisations: store.organisations, vault });
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.close()));
  workers = [];
});

function startWorker({
  backoffMs = [20, 20, 20, 20],
  limitMs = 30_000,
  ca = [receiver.caPem],
} = {}): DeliveryWorker {
  const poster = new Poster({
    gate: () => gate.tcp,
    capabilities: gate.issuer,
    limitMs,
    ca,
  });
  const worker = new DeliveryWorker({
    deliveries: store.deliveries,
    secrets,
    poster,
    telemetry: new Telemetry(),
    report,
    log,
    backoffMs,
  });
  workers.push(worker);
  worker.start();
  return worker;
}

async function report(organisation: string, id: string): Promise<TaskReply> {
  const task = (await store.tasks.byId(organisation, id))!;
  return { task: taskView(task, 'worker'), usage: await store.ledger.ofTask(organisation, id) };
}

/** A task that has ended, as its row tells. */
async function endedTask(webhook = `https://localhost:${receiver.port}/hooks?a=1`) {
  const id = store.tasks.newId();
  const { organisation, claw } = tenant;
  const row = { id, organisation, claw: claw.id, sealedInput: randomBytes(8), timeoutMs: 1000, webhook };
  await store.tasks.create(row);
  return (await store.tasks.finish(await tenant.seen(id), 'cancelled'))!;
}

async function enqueue(webhook?: string, worker?: DeliveryWorker): Promise<string> {
  const task = await endedTask(webhook);
  const service = new WebhookService({ store, secrets, log, onEnqueued: () => worker?.wake() });
  await service.taskEnded(task);
  return task.id;
}

const deliveryOf = async (task: string) =>
  (await store.deliveries.ofTask(tenant.organisation, task, { limit: 2 })).items[0];

const inState = (task: string, state: 'delivered' | 'failed') =>
  eventually(async () => expect(await deliveryOf(task)).toMatchObject({ state }));

describe('a webhook', () => {
  it('is signed as Standard Webhooks are, tells ids and counts, and arrives once where all is well', async () => {
    const worker = startWorker();
    const task = await enqueue(undefined, worker);
    await inState(task, 'delivered');
    const [{ path, headers, body }] = receiver.received as [(typeof receiver.received)[0]];
    const verified = new Webhook(await secrets.show(tenant.organisation)).verify(
      body,
      headers as Record<string, string>,
    );
    expect(webhookBody.parse(verified).data.task).toMatchObject({
      id: task,
      claw: 'worker',
      state: 'cancelled',
    });
    expect(headers['webhook-id']).toBe((await deliveryOf(task))!.id);
    expect(headers['content-type']).toBe('application/json');
    expect(path).toBe('/hooks?a=1');
    expect(receiver.received).toHaveLength(1);
    expect(await deliveryOf(task)).toMatchObject({ attempts: 1, lastStatus: 204, nextAt: null });
  });

  it('does not verify after a change of its body, nor with another secret', async () => {
    const task = await enqueue(undefined, startWorker());
    await inState(task, 'delivered');
    const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
    const given = headers as Record<string, string>;
    const own = new Webhook(await secrets.show(tenant.organisation));
    expect(() => own.verify(body.replace('cancelled', 'succeeded'), given)).toThrow();
    const other = await newTenant(store);
    expect(() => new Webhook(`whsec_${randomBytes(32).toString('base64')}`).verify(body, given)).toThrow();
    const foreign = new Webhook(await secrets.show(other.organisation));
    expect(() => foreign.verify(body, given)).toThrow();
  });

  it('comes again after a failure, a break and a redirect, under the same id', async () => {
    receiver.answers.push({ status: 500 }, 'reset', {
      status: 302,
      headers: { location: 'https://localhost/' },
    });
    const task = await enqueue(undefined, startWorker());
    await inState(task, 'delivered');
    expect(receiver.received).toHaveLength(4);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(await deliveryOf(task)).toMatchObject({ attempts: 4 });
  });

  it('is given up after its last attempt, with the last status', async () => {
    receiver.answers.push({ status: 500 }, { status: 500 }, { status: 503 });
    const task = await enqueue(undefined, startWorker({ backoffMs: [10, 10] }));
    await inState(task, 'failed');
    expect(await deliveryOf(task)).toMatchObject({ attempts: 3, lastStatus: 503, nextAt: null });
    expect(receiver.received).toHaveLength(3);
  });

  it('ends at once where the receiver says that it is gone', async () => {
    receiver.answers.push({ status: 410 });
    const task = await enqueue(undefined, startWorker());
    await inState(task, 'failed');
    expect(await deliveryOf(task)).toMatchObject({ attempts: 1, lastStatus: 410 });
  });

  it('waits as long as the receiver asks', async () => {
    receiver.answers.push({ status: 429, headers: { 'retry-after': '3600' } });
    const task = await enqueue(undefined, startWorker());
    await eventually(async () => expect(await deliveryOf(task)).toMatchObject({ lastStatus: 429 }));
    const { nextAt } = (await deliveryOf(task))!;
    expect(nextAt!.getTime() - Date.now()).toBeGreaterThan(3_500_000);
  });

  it('does not wait for a receiver that never answers', async () => {
    receiver.answers.push('silence');
    const task = await enqueue(undefined, startWorker({ backoffMs: [], limitMs: 300 }));
    await inState(task, 'failed');
    expect(await deliveryOf(task)).toMatchObject({ lastStatus: null, lastError: 'webhook_unanswered' });
  });

  it('survives a restart between two attempts, and a crash before it was enqueued', async () => {
    receiver.answers.push({ status: 500 });
    const first = startWorker({ backoffMs: [50, 50] });
    const waiting = await enqueue(undefined, first);
    await eventually(() => expect(receiver.received).toHaveLength(1));
    await first.close();
    const forgotten = (await endedTask()).id;
    startWorker();
    await inState(waiting, 'delivered');
    await inState(forgotten, 'delivered');
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(ids.filter((id) => id === waiting.replace('task_', 'delivery_'))).toHaveLength(2);
  });

  it('reaches no private address, not without TLS, and no certificate that nobody vouches for', async () => {
    const worker = startWorker({ backoffMs: [] });
    const at = async (url: string) => {
      const task = await enqueue(url, worker);
      await inState(task, 'failed');
      return (await deliveryOf(task))!.lastError;
    };
    expect(await at(`https://127.0.0.1:${receiver.port}/`)).toBe('gate_address_denied');
    expect(await at('https://169.254.169.254/latest')).toBe('gate_address_denied');
    expect(await at(`http://127.0.0.1:${receiver.port}/`)).toBe('gate_not_tls');
    await worker.close();
    const strict = startWorker({ backoffMs: [], ca: [] });
    const task = await enqueue(undefined, strict);
    await inState(task, 'failed');
    expect((await deliveryOf(task))!.lastError).toBe('webhook_unreachable');
    expect(receiver.received).toEqual([]);
  });
});

describe('the secret', () => {
  it('signs beside the new one for a day after a rotation, and is in the table as an envelope only', async () => {
    const { organisation } = tenant;
    const before = await secrets.show(organisation);
    expect(before).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await secrets.show(organisation)).toBe(before);
    const after = await secrets.rotate(organisation);
    expect(after).not.toBe(before);
    expect(await secrets.show(organisation)).toBe(after);
    const task = await enqueue(undefined, startWorker());
    await inState(task, 'delivered');
    const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
    for (const secret of [before, after])
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toBeTruthy();
    const later = await secrets.signing(organisation, Date.now() + 25 * 3600_000);
    expect(later.map((secret) => `whsec_${secret.expose().toString('base64')}`)).toEqual([after]);
    const record = (await store.organisations.webhookSecret(organisation))!;
    expect(record.includes(Buffer.from(after.slice(6), 'base64'))).toBe(false);
  });
});
