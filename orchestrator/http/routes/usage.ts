import type { FastifyInstance } from 'fastify';
import { usageQuery, type UsageReply } from '#protocol/api.ts';
import { parse } from '../errors.ts';
import { organisationFor } from '../principal.ts';

export interface UsageRouteParts {
  readonly usage: { ofClaw(organisation: string, claw: string, sinceMs: number): Promise<UsageReply> };
}

const UNIT_MS = { s: 1000, m: 60_000, h: 3600_000, d: 24 * 3600_000 } as const;

export function usageRoutes(app: FastifyInstance, { usage }: UsageRouteParts): void {
  app.get<{ Params: { name: string } }>('/claws/:name/usage', async (request) => {
    const organisation = organisationFor(request, 'usage.read');
    const { since } = parse(usageQuery, request.query);
    return usage.ofClaw(organisation, request.params.name, Date.now() - durationMs(since));
  });
}

function durationMs(text: string): number {
  return Number(text.slice(0, -1)) * UNIT_MS[text.at(-1) as keyof typeof UNIT_MS];
}
