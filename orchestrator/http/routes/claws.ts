import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { clawCreate, clawList, clawPatch, type ClawView } from '#protocol/api.ts';
import { parse } from '../errors.ts';
import { organisationFor } from '../principal.ts';

export interface ClawRouteParts {
  readonly claws: {
    create(organisation: string, claw: z.output<typeof clawCreate>): Promise<ClawView>;
    list(
      organisation: string,
      query: z.output<typeof clawList>,
    ): Promise<{ items: readonly ClawView[]; nextCursor: string | null }>;
    get(organisation: string, name: string): Promise<ClawView>;
    patch(organisation: string, name: string, change: z.output<typeof clawPatch>): Promise<ClawView>;
    deploy(organisation: string, name: string): Promise<ClawView>;
    stop(organisation: string, name: string): Promise<ClawView>;
    remove(organisation: string, name: string): Promise<void>;
  };
}

type Named = { Params: { name: string } };

export function clawRoutes(app: FastifyInstance, { claws }: ClawRouteParts): void {
  app.get('/claws', async (request) =>
    claws.list(organisationFor(request, 'claws.read'), parse(clawList, request.query)),
  );

  app.post('/claws', async (request, reply) => {
    const organisation = organisationFor(request, 'claws.write');
    return reply.status(201).send(await claws.create(organisation, parse(clawCreate, request.body)));
  });

  app.get<Named>('/claws/:name', async (request) =>
    claws.get(organisationFor(request, 'claws.read'), request.params.name),
  );

  app.patch<Named>('/claws/:name', async (request) =>
    claws.patch(organisationFor(request, 'claws.write'), request.params.name, parse(clawPatch, request.body)),
  );

  app.delete<Named>('/claws/:name', async (request, reply) => {
    await claws.remove(organisationFor(request, 'claws.write'), request.params.name);
    return reply.status(204).send();
  });

  app.post<Named>('/claws/:name/deploy', async (request) =>
    claws.deploy(organisationFor(request, 'claws.write'), request.params.name),
  );

  app.post<Named>('/claws/:name/stop', async (request) =>
    claws.stop(organisationFor(request, 'claws.write'), request.params.name),
  );
}
