import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ROLES, type Role } from '#access/decide.ts';
import { explainReply, limitsReply, type LimitsReply } from '#protocol/api.ts';
import { fenceOf } from '#task/fence.ts';
import { KeyService } from '../../../orchestrator/keys/key-service.ts';
import { readStanding } from '../../../orchestrator/launch/read-standing.ts';
import type { Limiter } from '../../../orchestrator/limiter/limiter.ts';
import { LimitsService } from '../../../orchestrator/limits/limits-service.ts';
import { emptyApp } from '../../support/empty-app.ts';
import { Limiters } from '../../support/limiter.ts';
import { pgliteStore } from '../../support/pglite-store.ts';
import { TestRedis } from '../../support/redis.ts';
import { newTenant, type Tenant } from '../../support/store-rows.ts';

let opened: Awaited<ReturnType<typeof pgliteStore>>;
let redis: TestRedis;
let limiters: Limiters;
let limiter: Limiter;
let app: FastifyInstance;
let tenant: Tenant;
/** Whose waiting tasks were told to look again. */
let woken: string[];

beforeAll(async () => {
  [opened, redis] = await Promise.all([pgliteStore(), TestRedis.start()]);
  const { store } = opened;
  limiters = new Limiters(redis);
  limiter = await limiters.open();
  app = await emptyApp({
    authenticate: (role) => ({ organisation: tenant.organisation, subject: role, role: role as Role }),
    keys: new KeyService({ keys: store.keys, vault: {} as never, check: {} as never, allowHosts: [] }),
    limits: new LimitsService({ store, limiter, onMaxCages: (organisation) => woken.push(organisation) }),
  });
});
afterAll(async () => {
  await app?.close();
  await limiters?.closeAll();
  await redis?.stop();
  await opened?.close();
});
beforeEach(async () => {
  tenant = await newTenant(opened.store);
  await opened.store.claws.setState(tenant.organisation, tenant.claw.id, 'deployed');
  woken = [];
});

const ask = (method: InjectOptions['method'], url: string, payload?: object, role: Role = 'owner') =>
  app.inject({
    method: method!,
    url: `/api/v1/${url}`,
    headers: { authorization: `Bearer ${role}` },
    ...(payload && { payload }),
  });
const limitsOfClaw = async (): Promise<LimitsReply> => {
  const reply = await ask('GET', 'claws/worker/limits');
  return limitsReply.parse(reply.json());
};

/** A call of the Claw that may take so many tokens, as the call desk asks for it; where there is room, whenever Redis has time for it. */
async function permit(tokens: number, callId: string, deadlineMs = 20_000) {
  const { organisation, claw } = tenant;
  const call = { organisation, task: 'task_1', epoch: 1, callId };
  await limiter.fence(organisation, 'task_1', fenceOf(1, 1));
  return limiter.permit({
    ...call,
    fence: fenceOf(1, 1),
    claw: claw.id,
    tokens,
    standing: () => readStanding(opened.store, claw),
    deadlineMs,
  });
}

describe('the caps of a key', () => {
  it('are changed one by one, and taken away with null', async () => {
    const none = { requestsPerMinute: null, tokensPerMinute: null };
    expect((await ask('GET', 'keys/main')).json()).toMatchObject(none);
    const one = await ask('PATCH', 'keys/main', { tokensPerMinute: 5000 });
    expect(one.json(), one.body).toMatchObject({ ...none, name: 'main', tokensPerMinute: 5000 });
    await ask('PATCH', 'keys/main', { requestsPerMinute: 0 });
    const kept = { requestsPerMinute: 0, tokensPerMinute: 5000 };
    expect((await ask('PATCH', 'keys/main', {})).json()).toMatchObject(kept);
    expect((await ask('PATCH', 'keys/main', none)).json()).toMatchObject(none);
  });

  it('are no place for a key, nor for anything that is no cap, and what was sent is not said again', async () => {
    for (const wrong of [
      { secret: 'sk-canary-0123456789' },
      { tokensPerMinute: -1 },
      { tokensPerMinute: 1.5 },
      { requestsPerMinute: 'sk-canary-0123456789' },
      { baseUrl: 'https://sk-canary-0123456789.example' },
    ]) {
      const reply = await ask('PATCH', 'keys/main', wrong);
      expect(reply.statusCode).toBe(400);
      expect(reply.json()).toMatchObject({
        error: { code: 'request_invalid', details: { fields: [{ field: Object.keys(wrong)[0] }] } },
      });
      expect(reply.body).not.toContain('canary');
    }
    const unknown = await ask('PATCH', 'keys/none', { tokensPerMinute: 1 });
    expect(unknown.json()).toMatchObject({ error: { code: 'not_found', details: { key: 'none' } } });
  });

  it('hold also for one that was revoked, whose tasks may still run', async () => {
    await opened.store.keys.revoke(tenant.organisation, tenant.key.id);
    const reply = await ask('PATCH', 'keys/main', { tokensPerMinute: 0 });
    expect(reply.json()).toMatchObject({ state: 'revoked', tokensPerMinute: 0 });
  });
});

describe('the limits of the organisation', () => {
  it('are none at first, and what is left out of a change stays', async () => {
    const none = { requestsPerMinute: null, tokensPerMinute: null, maxCages: null };
    expect((await ask('GET', 'limits')).json()).toEqual(none);
    const change = { tokensPerMinute: 90_000, maxCages: 3 };
    expect((await ask('PATCH', 'limits', change)).json()).toEqual({ ...none, ...change });
    expect((await ask('PATCH', 'limits', { requestsPerMinute: 0 })).json()).toEqual({
      ...change,
      requestsPerMinute: 0,
    });
    expect((await ask('GET', 'limits')).json()).toEqual({ ...change, requestsPerMinute: 0 });
  });

  it('refuse what is none of them, by its field', async () => {
    for (const wrong of [{ maxCages: 0 }, { maxCages: 100_001 }, { tokensPerMinute: -1 }, { cages: 1 }]) {
      const reply = await ask('PATCH', 'limits', wrong);
      expect(reply.json(), reply.body).toMatchObject({
        error: { code: 'request_invalid', details: { fields: [{ field: Object.keys(wrong)[0] }] } },
      });
    }
    expect((await ask('PATCH', 'limits')).statusCode).toBe(400);
  });

  it('let its waiting tasks look again where it may have another number of cages', async () => {
    await ask('PATCH', 'limits', { tokensPerMinute: 1 });
    expect(woken).toEqual([]);
    await ask('PATCH', 'limits', { maxCages: 9 });
    expect(woken).toEqual([tenant.organisation]);
  });

  it('are seen by every role, and changed by operator, owner and admin', async () => {
    for (const role of ROLES) {
      const may = ['operator', 'owner', 'admin'].includes(role);
      expect((await ask('GET', 'limits', undefined, role)).statusCode, role).toBe(200);
      const change = await ask('PATCH', 'limits', { maxCages: 7 }, role);
      expect(change.statusCode, role).toBe(may ? 200 : 403);
      const key = await ask('PATCH', 'keys/main', { tokensPerMinute: 7 }, role);
      expect(key.statusCode, role).toBe(may ? 200 : 403);
    }
  });
});

describe('where a Claw stands', () => {
  it('is told for its own caps, those of its key and of its organisation', async () => {
    await ask('PATCH', 'keys/main', { requestsPerMinute: 10 });
    await permit(300, 'call-1');
    const { levels, ...rest } = await limitsOfClaw();
    expect(rest).toMatchObject({
      claw: 'worker',
      state: 'deployed',
      weight: 1,
      calls: { inFlight: 1, most: null },
      waiting: 0,
    });
    expect(levels.map(({ level, name, id }) => [level, name, id])).toEqual([
      ['claw', 'worker', tenant.claw.id],
      ['key', 'main', tenant.key.id],
      ['organisation', expect.stringMatching(/^test-/), tenant.organisation],
    ]);
    expect(levels[0]).toMatchObject({
      requests: { cap: null, used: 1, remaining: null },
      tokens: { cap: 1000, used: 300, remaining: 700 },
      closedForMs: null,
      clawsWaiting: 0,
    });
    expect(levels[1]).toMatchObject({
      requests: { cap: 10, used: 1, remaining: 9 },
      tokens: { cap: null, used: 300, remaining: null },
    });
    for (const { emptyInMs } of levels) expect(emptyInMs).toBeGreaterThan(60_000);
  });

  it('is at once under a cap that was changed, and what counts keeps counting under a lower one', async () => {
    await permit(300, 'call-1');
    await opened.store.claws.patch(tenant.organisation, tenant.claw.id, { tokensPerMinute: 200 });
    await ask('PATCH', 'limits', { tokensPerMinute: 310 });
    const { levels } = await limitsOfClaw();
    expect(levels[0]!.tokens).toEqual({ cap: 200, used: 300, remaining: 0 });
    expect(levels[2]!.tokens).toEqual({ cap: 310, used: 300, remaining: 10 });
    await expect(permit(50, 'call-2', 0)).rejects.toMatchObject({
      code: 'limit_exceeded',
      details: { level: 'claw', limit: 'tokens' },
    });
  });

  it('of a Claw that is not there is not found', async () => {
    expect((await ask('GET', 'claws/none/limits')).statusCode).toBe(404);
  });
});

describe('what a call would reserve', () => {
  const CANARY = 'prompt-canary-0123456789';
  const explain = (body: object, more: object = {}, role: Role = 'viewer') =>
    ask('POST', 'limits/explain', { claw: 'worker', body, ...more }, role);
  const said = (text: string, more: object = {}) => ({
    model: 'gpt-test',
    messages: [{ role: 'user', content: text }],
    ...more,
  });

  it('is told part by part, and the parts add up to it', async () => {
    const reply = await explain(said(CANARY, { max_tokens: 40 }));
    const { operation, model, bound, modelKnownSince } = explainReply.parse(reply.json());
    expect({ operation, model, modelKnownSince }).toEqual({
      operation: 'chat',
      model: 'gpt-test',
      modelKnownSince: null,
    });
    expect(bound.totalTokens).toBe(bound.inputTokens + bound.outputTokens);
    expect(bound.parts.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(bound.totalTokens);
    expect(bound.outputTokens).toBe(40);
    expect(reply.body).not.toContain(CANARY);
  });

  it('without an output limit is a quarter of the smallest token cap, whichever level has it', async () => {
    const output = async () => explainReply.parse((await explain(said('hi'))).json()).bound.outputTokens;
    expect(await output()).toBe(250);
    await ask('PATCH', 'keys/main', { tokensPerMinute: 400 });
    expect(await output()).toBe(100);
    await ask('PATCH', 'limits', { tokensPerMinute: 200 });
    expect(await output()).toBe(50);
  });

  it('is held against each cap, with what to change where it never fits', async () => {
    await ask('PATCH', 'limits', { requestsPerMinute: 0, tokensPerMinute: 1_000_000 });
    const reply = await explain(said(CANARY, { max_tokens: 2000 }));
    const { fits, advice } = explainReply.parse(reply.json());
    expect(fits).toEqual([
      { level: 'claw', limit: 'tokens', cap: 1000, fits: false },
      { level: 'organisation', limit: 'requests', cap: 0, fits: false },
      { level: 'organisation', limit: 'tokens', cap: 1_000_000, fits: true },
    ]);
    expect(advice).toHaveLength(2);
    expect(advice[0]).toMatch(/the Claw has a cap of 1000/);
    expect(advice[1]).toMatch(/requests cap of the organisation is 0/);
  });

  it('of a call that the meter would refuse is that refusal, without a word of the call', async () => {
    const refused = [
      ['meter_model_refused', { ...said(CANARY), model: CANARY }],
      ['meter_unbounded', said(CANARY, { previous_response_id: CANARY }), '/v1/responses'],
      ['meter_request_invalid', said(CANARY, { n: CANARY })],
    ] as const;
    for (const [code, body, path = '/v1/chat/completions'] of refused) {
      const reply = await explain(body, { path });
      expect(reply.json(), reply.body).toMatchObject({ error: { code } });
      expect(reply.statusCode).toBeLessThan(500);
      expect(reply.body).not.toContain(CANARY);
    }
  });

  it('knows what the Claw allows although nobody can bound it', async () => {
    await opened.store.claws.patch(tenant.organisation, tenant.claw.id, {
      unbounded: { allow: ['previous_response_id'], tokensPerCall: 900, countInput: false },
    });
    const body = { model: 'gpt-test', input: 'go on', previous_response_id: 'resp_1' };
    const reply = await explain(body, { path: '/v1/responses' });
    expect(explainReply.parse(reply.json()).bound.totalTokens).toBeGreaterThanOrEqual(900);
  });

  it('is asked with a body of bounded size that is JSON, for a Claw that is there', async () => {
    expect((await explain(said('x'.repeat(9 * 1024 * 1024)))).statusCode).toBe(413);
    expect((await explain(said('hi'), { path: '/v1/files' })).statusCode).toBe(400);
    expect((await explain(said('hi'), { claw: 'none' })).statusCode).toBe(404);
    const deep = await app.inject({
      method: 'POST',
      url: '/api/v1/limits/explain',
      headers: { authorization: 'Bearer viewer', 'content-type': 'application/json' },
      payload: `{"claw":"worker","body":{"model":"gpt-test","messages":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`,
    });
    expect(deep.json(), deep.body).toMatchObject({ error: { code: 'request_invalid' } });
  });
});

describe('without Redis', () => {
  it('nobody knows what counts, and that is said; caps are read and changed all the same', async () => {
    await redis.kill();
    try {
      const reply = await ask('GET', 'claws/worker/limits');
      expect(reply.statusCode).toBe(503);
      expect(reply.json()).toMatchObject({ error: { code: 'limiter_unavailable' } });
      expect((await ask('PATCH', 'limits', { maxCages: 2 })).statusCode).toBe(200);
      expect((await ask('PATCH', 'keys/main', { tokensPerMinute: 2 })).statusCode).toBe(200);
    } finally {
      await redis.start();
    }
  });
});
