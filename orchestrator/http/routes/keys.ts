import type { FastifyInstance } from 'fastify';
import { keyCreate, keyRotate, type KeyView } from '#protocol/api.ts';
import type { z } from 'zod';
import { parse } from '../errors.ts';
import { organisationFor } from '../principal.ts';

export interface KeyRouteParts {
  readonly keys: {
    add(organisation: string, key: z.output<typeof keyCreate>): Promise<KeyView>;
    list(organisation: string): Promise<readonly KeyView[]>;
    get(organisation: string, name: string): Promise<KeyView>;
    rotate(organisation: string, name: string, change: z.output<typeof keyRotate>): Promise<KeyView>;
    revoke(organisation: string, name: string): Promise<KeyView>;
  };
}

type Named = { Params: { name: string } };

export function keyRoutes(app: FastifyInstance, { keys }: KeyRouteParts): void {
  app.get('/keys', async (request) => ({
    items: await keys.list(organisationFor(request, 'keys.read')),
    nextCursor: null,
  }));

  app.post('/keys', async (request, reply) => {
    const organisation = organisationFor(request, 'keys.write');
    return reply.status(201).send(await keys.add(organisation, parse(keyCreate, request.body)));
  });

  app.get<Named>('/keys/:name', async (request) =>
    keys.get(organisationFor(request, 'keys.read'), request.params.name),
  );

  app.post<Named>('/keys/:name/rotate', async (request) =>
    keys.rotate(organisationFor(request, 'keys.write'), request.params.name, parse(keyRotate, request.body)),
  );

  app.post<Named>('/keys/:name/revoke', async (request) =>
    keys.revoke(organisationFor(request, 'keys.write'), request.params.name),
  );
}
