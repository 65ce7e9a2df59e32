import type { FastifyInstance } from 'fastify';
import { openApiOf, type OpenApi } from '../reference/openapi.ts';
import { OPERATIONS } from '../reference/operations.ts';
import { referencePage } from '../reference/page.ts';

export interface ReferenceRouteParts {
  readonly version: string;
}

/** The API about itself, for everybody: it holds no data. Made when it is first asked for. */
export function referenceRoutes(app: FastifyInstance, { version }: ReferenceRouteParts): void {
  let document: OpenApi | undefined;
  let page: ReturnType<typeof referencePage> | undefined;
  const api = (): OpenApi => (document ??= openApiOf(OPERATIONS, version));
  const docs = (): ReturnType<typeof referencePage> => (page ??= referencePage(api()));

  app.get('/api/openapi.json', async () => api());
  app.get('/api/docs', async (_request, reply) => reply.type('text/html; charset=utf-8').send(docs().html));
  app.get('/api/docs.css', async (_request, reply) =>
    reply.type('text/css; charset=utf-8').send(docs().style),
  );
  app.get('/api/docs.js', async (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(docs().script),
  );
}
