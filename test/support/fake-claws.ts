import type { FastifyInstance } from 'fastify';
import { clawCreate, clawPatch, keyCreate, keyRotate, type ClawView, type KeyView } from '#protocol/api.ts';
import { NOW } from './fake-task.ts';

interface KeysAndClaws {
  readonly keys: Map<string, KeyView>;
  readonly secrets: Map<string, string>;
  readonly claws: Map<string, ClawView>;
  readonly models: Map<string, string[]>;
  readonly patches: object[];
}

type Named = { Params: { name: string } };

/** The routes of keys and Claws over the maps of a FakeApi. */
export const OF_A_NEW_KEY = {
  verifiedAt: NOW,
  createdAt: NOW,
  requestsPerMinute: null,
  tokensPerMinute: null,
} as const;

export function keyAndClawRoutes(
  app: FastifyInstance,
  api: KeysAndClaws,
  found: <T>(item: T | undefined) => T,
): void {
  app.get('/api/v1/keys', async () => ({ items: [...api.keys.values()], nextCursor: null }));
  app.post('/api/v1/keys', async (request, reply) => {
    const key = keyCreate.parse(request.body);
    api.secrets.set(key.name, key.secret);
    api.keys.set(key.name, {
      id: `key_${key.name}`,
      name: key.name,
      provider: key.provider,
      baseUrl: key.baseUrl,
      masked: `sk-…${key.secret.slice(-4)}`,
      version: 1,
      state: 'active',
      verifiedAt: key.verify ? NOW : null,
      createdAt: NOW,
      requestsPerMinute: key.requestsPerMinute,
      tokensPerMinute: key.tokensPerMinute,
    });
    return reply.status(201).send(api.keys.get(key.name));
  });
  app.get<Named>('/api/v1/keys/:name', async ({ params }) => found(api.keys.get(params.name)));
  app.post<Named>('/api/v1/keys/:name/rotate', async ({ params, body }) => {
    const key = { ...found(api.keys.get(params.name)), version: 2 };
    api.secrets.set(params.name, keyRotate.parse(body).secret);
    api.keys.set(params.name, key);
    return key;
  });
  app.post<Named>('/api/v1/keys/:name/revoke', async ({ params }) => ({
    ...found(api.keys.get(params.name)),
    state: 'revoked',
  }));

  app.get('/api/v1/claws', async () => ({ items: [...api.claws.values()], nextCursor: null }));
  app.post('/api/v1/claws', async (request, reply) => {
    const {
      deploy,
      requestsPerMinute = null,
      tokensPerMinute = null,
      ...claw
    } = clawCreate.parse(request.body);
    const view: ClawView = {
      id: `claw_${claw.name}`,
      ...claw,
      requestsPerMinute,
      tokensPerMinute,
      state: deploy ? 'deployed' : 'stopped',
      createdAt: NOW,
      updatedAt: NOW,
    };
    api.claws.set(claw.name, view);
    return reply.status(201).send(view);
  });
  app.patch<Named>('/api/v1/claws/:name', async ({ params, body }) => {
    const change = clawPatch.parse(body);
    const claw = { ...found(api.claws.get(params.name)), ...change } as ClawView;
    api.patches.push(change);
    api.claws.set(params.name, claw);
    return claw;
  });
  app.get<Named>('/api/v1/claws/:name', async ({ params }) => found(api.claws.get(params.name)));
  for (const [verb, state] of [
    ['deploy', 'deployed'],
    ['stop', 'stopped'],
  ] as const) {
    app.post<Named>(`/api/v1/claws/:name/${verb}`, async ({ params }) => {
      const claw = { ...found(api.claws.get(params.name)), state };
      api.claws.set(params.name, claw);
      return claw;
    });
  }
  app.delete<Named>('/api/v1/claws/:name', async ({ params }, reply) => {
    found(api.claws.get(params.name));
    api.claws.delete(params.name);
    return reply.status(204).send();
  });
  app.get<Named>('/api/v1/keys/:name/models', async ({ params }) => ({
    key: found(api.keys.get(params.name)).name,
    models: api.models.get(params.name) ?? [],
    askedAt: NOW,
  }));
}
