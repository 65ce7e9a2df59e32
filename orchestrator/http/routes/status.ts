import type { FastifyInstance } from 'fastify';
import type { Principal } from '#access/decide.ts';
import type { StatusReply } from '#protocol/api.ts';
import { organisationFor } from '../principal.ts';

export interface StatusRouteParts {
  readonly status: { report(principal: Principal): Promise<StatusReply> };
  readonly cages: { endAll(organisation: string): Promise<number> };
}

export function statusRoutes(app: FastifyInstance, { status, cages }: StatusRouteParts): void {
  app.get('/status', async (request): Promise<StatusReply> => {
    organisationFor(request, 'system.read');
    return status.report(request.principal);
  });

  /** Ends every cage of the organisation; tasks in them end as cancelled. For `clawcage down --cages`. */
  app.post('/cages/end', async (request) => {
    const organisation = organisationFor(request, 'claws.write');
    return { ended: await cages.endAll(organisation) };
  });
}
