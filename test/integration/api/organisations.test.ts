import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Role } from '#access/decide.ts';
import { Vault } from '#vault/vault.ts';
import { BatchService } from '../../../orchestrator/batches/batch-service.ts';
import { ClawService } from '../../../orchestrator/claws/claw-service.ts';
import { EventHub } from '../../../orchestrator/events/event-hub.ts';
import type { AppParts } from '../../../orchestrator/http/app.ts';
import type { Operation } from '../../../orchestrator/http/reference/operation.ts';
import { OPERATIONS } from '../../../orchestrator/http/reference/operations.ts';
import { KeyService } from '../../../orchestrator/keys/key-service.ts';
import { LimitsService } from '../../../orchestrator/limits/limits-service.ts';
import { StatusService } from '../../../orchestrator/status/status-service.ts';
import { FileService } from '../../../orchestrator/tasks/file-service.ts';
import { FunctionService } from '../../../orchestrator/tasks/function-service.ts';
import { QueueBounds } from '../../../orchestrator/tasks/queue-bounds.ts';
import { TaskService } from '../../../orchestrator/tasks/task-service.ts';
import { UsageService } from '../../../orchestrator/usage/usage-service.ts';
import { WebhookSecrets } from '../../../orchestrator/webhooks/webhook-secrets.ts';
import { WebhookService } from '../../../orchestrator/webhooks/webhook-service.ts';
import { emptyApp } from '../../support/empty-app.ts';
import { MemoryKeks, MemoryShreddingKeys } from '../../support/memory-keys.ts';
import { pgliteStore } from '../../support/pglite-store.ts';
import { newTenant, type Tenant } from '../../support/store-rows.ts';

/** Whatever is asked of it resolves to nothing: engine, queue, Redis and cages have no part in who may reach what. */
const nothing = new Proxy({}, { get: () => async () => undefined }) as never;

let opened: Awaited<ReturnType<typeof pgliteStore>>;
let app: FastifyInstance;
let owner: Tenant;
let stranger: Tenant;
let task: string;
let batch: string;
let secret: string;
let endedOf: string[];

beforeAll(async () => {
  opened = await pgliteStore();
  const { store } = opened;
  owner = await newTenant(store);
  stranger = await newTenant(store);
  await store.claws.delete(stranger.organisation, stranger.claw.id);
  app = await emptyApp(partsOn());
  const made = await as('owner', {
    method: 'POST',
    url: '/api/v1/claws/worker/batches',
    headers: { 'content-type': 'application/x-ndjson' },
    payload: '{"text":"one","webhook":"https://receiver.example/hook"}\n',
  });
  batch = (made.json() as { batch: { id: string } }).batch.id;
  task = (await store.batches.tasks(owner.organisation, batch, undefined, 1))[0]!.id;
  await store.deliveries.enqueue({
    id: task,
    organisation: owner.organisation,
    webhook: 'https://r.example',
  });
  secret = (await as('owner', { method: 'GET', url: '/api/v1/webhooks/secret' })).json<{ secret: string }>()
    .secret;
  await store.ledger.record({
    callId: 'call_1',
    organisation: owner.organisation,
    claw: owner.claw.id,
    task,
    key: owner.key.id,
    model: 'model-of-the-owner',
    requests: 1,
    inputTokens: 777_001,
    cachedTokens: 0,
    outputTokens: 1,
    reasoningTokens: 0,
    totalTokens: 777_002,
  });
});
afterAll(async () => {
  await app?.close();
  await opened?.close();
});

function partsOn(): Partial<AppParts> {
  const { store } = opened;
  const vault = new Vault({ keks: new MemoryKeks(), shredding: new MemoryShreddingKeys() });
  const runs = { get: () => undefined, endQueued: async () => undefined } as never;
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined } as never;
  const keys = new KeyService({
    keys: store.keys,
    vault,
    check: { models: async () => [] } as never,
    allowHosts: [],
  });
  const bounds = new QueueBounds({ tasks: store.tasks, maxQueued: 1000, onRefused: () => undefined });
  const files = new FileService({ tasks: store.tasks, files: store.taskFiles, vault, resultFetchedMs: 1000 });
  const tasks = new TaskService({
    store,
    vault,
    queue: nothing,
    stops: { stop: async () => undefined },
    bounds,
    files,
    resultFetchedMs: 1000,
    log,
  });
  const secrets = new WebhookSecrets({ organisations: store.organisations, vault });
  const state = { levels: [], inFlight: 0, waiting: 0, waitsFor: null, freeInMs: 0 };
  const limiter = {
    window: async () => ({ requests: 0, tokens: 0 }),
    standing: async () => state,
  } as never;
  const readiness = { check: async () => ({ ready: true, parts: {} }) } as never;
  const status = new StatusService({ store, limiter, readiness, install: 'i', version: '1' });
  const poke = async (): Promise<void> => undefined;
  endedOf = [];
  return {
    authenticate: (token) => {
      const [who, role = 'owner'] = token.split('-');
      const { organisation } = who === 'owner' ? owner : stranger;
      return { organisation, subject: token, role: role as Role };
    },
    keys,
    tasks,
    claws: new ClawService({
      store,
      keys,
      tasks,
      runtime: nothing,
      spares: nothing,
      telemetry: nothing,
      poke,
    }),
    functions: new FunctionService({
      tasks: store.tasks,
      runs,
      vault,
      peers: nothing,
      self: () => 'orch_test',
    }),
    files,
    batches: new BatchService({ store, vault, bounds, tasks, poke }),
    webhooks: new WebhookService({ store, secrets, log, onEnqueued: () => undefined }),
    usage: status,
    usageReports: new UsageService(store),
    limits: new LimitsService({ store, limiter, onMaxCages: () => undefined }),
    status,
    events: new EventHub(),
    watching: tasks,
    readiness,
    doctor: {
      examine: async () => ({ ok: true, checks: [] }),
      leftovers: async () => ({ leftovers: [], more: 0, unseen: [] }),
    },
    cages: { endAll: async (organisation) => endedOf.push(organisation) },
  };
}

const as = (token: string, request: InjectOptions) =>
  app.inject({ ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } });

/** Of everything behind a token, with the owner's names and ids in its path. */
const behindToken = OPERATIONS.filter(({ open, path }) => !open && path !== '/api/v1/events');
const urlOf = (path: string): string =>
  path
    .replace('{key}', 'main')
    .replace('{claw}', 'worker')
    .replace('{task}', task)
    .replace('{batch}', batch)
    .replace('{call}', 'call_1')
    .replace('{path}', 'a.txt');

function requestOf({ method, path, body }: Operation): InjectOptions {
  const lines = body?.lines === true;
  const payload = lines
    ? (body.example as object[]).map((line) => JSON.stringify(line)).join('\n')
    : body && JSON.stringify(body.example);
  return {
    method: method.toUpperCase() as 'GET',
    url: urlOf(path),
    ...(payload !== undefined && {
      payload,
      headers: { 'content-type': lines ? 'application/x-ndjson' : 'application/json' },
    }),
  };
}

/** What the owner has, as its database holds it. */
async function everything(): Promise<unknown> {
  const { store } = opened;
  const { organisation, claw } = owner;
  return {
    organisation: await store.organisations.byId(organisation),
    keys: await store.keys.list(organisation),
    claws: await store.claws.list(organisation),
    tasks: await store.tasks.list(organisation, { limit: 100 }),
    batches: await store.batches.list(organisation, { limit: 100 }),
    deliveries: await store.deliveries.ofTask(organisation, task, { limit: 100 }),
    secret: await store.organisations.webhookSecret(organisation),
    usage: await store.ledger.ofClaw(organisation, claw.id, new Date(0)),
  };
}

describe('with the token of another organisation', () => {
  it("every route leaves the owner's things alone and tells nothing of them", async () => {
    // Its own key of the same name would be found by that name.
    await opened.store.keys.revoke(stranger.organisation, stranger.key.id);
    const before = await everything();
    const told = [
      task,
      batch,
      owner.claw.id,
      owner.key.id,
      owner.organisation,
      secret,
      '777001',
      '777002',
      'of-the-owner',
    ];
    for (const operation of behindToken) {
      const name = `${operation.method} ${operation.path}`;
      const reply = await as('stranger', requestOf(operation));
      if (/\{(claw|task|batch)\}/.test(operation.path)) expect(reply.statusCode, name).toBe(404);
      else expect(reply.statusCode, `${name} ${reply.body}`).toBeLessThan(500);
      // What it asked for by its id is said again in the refusal.
      const answer = reply.body.replaceAll(/"details":\{[^}]*\}/g, '');
      for (const word of told) expect(answer, name).not.toContain(word);
    }
    const explain = { claw: owner.claw.name, body: { model: 'gpt-test', messages: [] } };
    const explained = await as('stranger', {
      method: 'POST',
      url: '/api/v1/limits/explain',
      payload: explain,
    });
    expect(explained.statusCode, explained.body).toBe(404);
    for (const path of ['backup', 'doctor/leftovers']) {
      const operation = behindToken.find((one) => one.path === `/api/v1/${path}`)!;
      expect((await as('stranger', requestOf(operation))).statusCode, path).toBe(403);
    }
    expect(await everything()).toEqual(before);
    expect(endedOf).toEqual([stranger.organisation]);
  });

  it('filters by what is the owner’s find nothing', async () => {
    for (const query of [`tasks?batch=${batch}`, `usage?task=${task}`, `usage?claw=${owner.claw.id}`]) {
      const reply = await as('stranger', { method: 'GET', url: `/api/v1/${query}` });
      expect(reply.json(), query).toMatchObject({ items: [] });
    }
  });
});

describe('without a token, or with a lesser role', () => {
  it('nothing is answered without one', async () => {
    for (const operation of behindToken) {
      const reply = await app.inject(requestOf(operation));
      expect(reply.statusCode, operation.path).toBe(401);
    }
  });

  it('a viewer changes nothing and sees no secret', async () => {
    const before = await everything();
    for (const operation of behindToken) {
      const secretive = ['/api/v1/webhooks/secret', '/api/v1/doctor/leftovers'];
      const onlyTells = operation.method === 'get' || operation.id === 'explainLimits';
      if (onlyTells && !secretive.includes(operation.path)) continue;
      const reply = await as('owner-viewer', requestOf(operation));
      expect(reply.statusCode, `${operation.method} ${operation.path}`).toBe(403);
    }
    expect(await everything()).toEqual(before);
  });
});

describe('lists and reports', () => {
  it('of tasks are of the batch that is asked for', async () => {
    const other = await owner.addTask();
    const reply = await as('owner', { method: 'GET', url: `/api/v1/tasks?batch=${batch}` });
    expect(reply.json<{ items: { id: string }[] }>().items.map(({ id }) => id)).toEqual([task]);
    expect(other.created).toBe(true);
  });

  it('of usage are refused or answered, however far the time or odd the cursor', async () => {
    const cursor = (form: object): string => Buffer.from(JSON.stringify(form)).toString('base64url');
    const far = 9_007_199_254_740_991;
    for (const query of [
      'since=999999d',
      'since=0000-01-01T00:00:00Z',
      'since=0000-01-01T00:00:00Z&until=9999-12-31T23:59:59Z&by=all',
      `cursor=${cursor({ since: far, until: far, from: far, label: '' })}`,
      `cursor=${cursor({ since: -far, until: 0, from: 0, label: '' })}`,
      `cursor=${cursor({ since: 0, until: 1, from: 0, label: '\0' })}`,
      'claw=%00',
    ]) {
      const reply = await as('owner', { method: 'GET', url: `/api/v1/usage?${query}` });
      expect(reply.statusCode, `${query} ${reply.body}`).toBeLessThan(500);
    }
  });

  it('of usage are answered in every time zone that is taken for one', async () => {
    for (const timeZone of [
      'ACT',
      'EST',
      'EST5EDT',
      'Etc/GMT+5',
      'Etc/Unknown',
      'Factory',
      'europe/berlin',
    ]) {
      const url = `/api/v1/usage?timeZone=${encodeURIComponent(timeZone)}`;
      const reply = await as('owner', { method: 'GET', url });
      expect(reply.statusCode, `${timeZone} ${reply.body}`).toBeLessThan(500);
    }
  });
});

describe('a task that is given twice', () => {
  it('with one Idempotency-Key is the same, also when its deadline is over meanwhile', async () => {
    const deadline = new Date(Date.now() + 60_000).toISOString();
    const give = () =>
      as('owner', {
        method: 'POST',
        url: '/api/v1/claws/worker/tasks',
        headers: { 'idempotency-key': 'again' },
        payload: { text: 'x', deadline },
      });
    const first = await give();
    expect(first.statusCode).toBe(202);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(deadline) + 1 });
    const second = await give().finally(() => vi.useRealTimers());
    expect(second.statusCode, second.body).toBe(202);
    expect(second.json<{ task: { id: string } }>().task.id).toBe(
      first.json<{ task: { id: string } }>().task.id,
    );
  });
});
