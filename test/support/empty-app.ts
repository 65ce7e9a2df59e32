import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildApp, type AppParts } from '../../orchestrator/http/app.ts';

/** The real HTTP service with nothing behind it but what is given: for its routes, its pages, and one part at a time. */
export function emptyApp(parts: Partial<AppParts> = {}): Promise<FastifyInstance> {
  const nothing = new Proxy({}, { get: () => () => undefined });
  const given: Partial<AppParts> = {
    authenticate: () => ({ organisation: 'org_test', subject: 'test', role: 'operator' }),
    logger: pino({ level: 'silent' }),
    version: '1.2.3',
    ...parts,
  };
  return buildApp(
    new Proxy(given, { get: (own, name) => own[name as keyof AppParts] ?? nothing }) as AppParts,
  );
}
