import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { usageQuery, usageReportQuery, type UsageReply, type UsageReport } from '#protocol/api.ts';
import { sinceOf } from '../../usage/since.ts';
import { parse } from '../errors.ts';
import { organisationFor } from '../principal.ts';

export interface UsageRouteParts {
  readonly usage: { ofClaw(organisation: string, claw: string, sinceMs: number): Promise<UsageReply> };
  readonly usageReports: {
    report(organisation: string, query: z.output<typeof usageReportQuery>): Promise<UsageReport>;
  };
}

export function usageRoutes(app: FastifyInstance, { usage, usageReports }: UsageRouteParts): void {
  app.get<{ Params: { name: string } }>('/claws/:name/usage', async (request) => {
    const organisation = organisationFor(request, 'usage.read');
    const { since } = parse(usageQuery, request.query);
    return usage.ofClaw(organisation, request.params.name, sinceOf(since, Date.now()));
  });

  app.get('/usage', async (request) => {
    const organisation = organisationFor(request, 'usage.read');
    return usageReports.report(organisation, parse(usageReportQuery, request.query));
  });
}
