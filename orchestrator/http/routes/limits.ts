import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import {
  explainRequest,
  organisationLimitsPatch,
  type ExplainReply,
  type LimitsReply,
  type OrganisationLimits,
  type OrganisationLimitsPatch,
} from '#protocol/api.ts';
import { parse } from '../errors.ts';
import { organisationFor } from '../principal.ts';

export interface LimitRouteParts {
  readonly limits: {
    ofOrganisation(organisation: string): Promise<OrganisationLimits>;
    change(organisation: string, change: OrganisationLimitsPatch): Promise<OrganisationLimits>;
    ofClaw(organisation: string, name: string): Promise<LimitsReply>;
    explain(organisation: string, request: z.output<typeof explainRequest>): Promise<ExplainReply>;
  };
}

/** As much as an agent sends in a call with a few images. */
const EXPLAINED_BYTES = 8 * 1024 * 1024;

export function limitRoutes(app: FastifyInstance, { limits }: LimitRouteParts): void {
  app.get('/limits', async (request) => limits.ofOrganisation(organisationFor(request, 'usage.read')));

  app.patch('/limits', async (request) => {
    const organisation = organisationFor(request, 'limits.write');
    return limits.change(organisation, parse(organisationLimitsPatch, request.body));
  });

  app.get<{ Params: { name: string } }>('/claws/:name/limits', async (request) =>
    limits.ofClaw(organisationFor(request, 'usage.read'), request.params.name),
  );

  app.post('/limits/explain', { bodyLimit: EXPLAINED_BYTES }, async (request) => {
    const organisation = organisationFor(request, 'claws.read');
    return limits.explain(organisation, parse(explainRequest, request.body));
  });
}
