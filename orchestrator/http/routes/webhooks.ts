import type { FastifyInstance } from 'fastify';
import { deliveryList, type DeliveryView } from '#protocol/api.ts';
import { parse } from '../errors.ts';
import { organisationFor } from '../principal.ts';

export interface WebhookRouteParts {
  readonly webhooks: {
    secret(organisation: string): Promise<{ secret: string }>;
    rotateSecret(organisation: string): Promise<{ secret: string }>;
    ofTask(
      organisation: string,
      task: string,
      page: { limit: number; cursor?: string },
    ): Promise<{ items: readonly DeliveryView[]; nextCursor: string | null }>;
  };
}

export function webhookRoutes(app: FastifyInstance, { webhooks }: WebhookRouteParts): void {
  app.get('/webhooks/secret', async (request, reply) => {
    const organisation = organisationFor(request, 'webhooks.secret');
    return reply.header('cache-control', 'no-store').send(await webhooks.secret(organisation));
  });

  app.post('/webhooks/secret/rotate', async (request, reply) => {
    const organisation = organisationFor(request, 'webhooks.secret');
    return reply.header('cache-control', 'no-store').send(await webhooks.rotateSecret(organisation));
  });

  app.get<{ Params: { id: string } }>('/tasks/:id/deliveries', async (request) => {
    const organisation = organisationFor(request, 'tasks.read');
    const { limit, cursor } = parse(deliveryList, request.query);
    return webhooks.ofTask(organisation, request.params.id, {
      limit,
      ...(cursor !== undefined && { cursor }),
    });
  });
}
