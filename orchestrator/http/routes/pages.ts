import type { FastifyInstance } from 'fastify';
import { statusPage } from '../status-page.ts';

/** The plain status page at `/`; it asks the API with the visitor's own token. */
export function pageRoutes(app: FastifyInstance): void {
  const { html, script, style } = statusPage();
  app.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(html));
  app.get('/status.js', async (_request, reply) => reply.type('text/javascript; charset=utf-8').send(script));
  app.get('/status.css', async (_request, reply) => reply.type('text/css; charset=utf-8').send(style));
}
