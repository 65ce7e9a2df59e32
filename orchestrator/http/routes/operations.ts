import type { FastifyInstance } from 'fastify';
import type { ReadyReply } from '#protocol/api.ts';

export interface OperationRouteParts {
  readonly readiness: { check(): Promise<ReadyReply> };
  readonly metrics: { contentType: string; metrics(): Promise<string> };
}

/** What an operator's machines ask, without a token: alive, ready and which part is not, metrics (counts only). */
export function operationRoutes(app: FastifyInstance, { readiness, metrics }: OperationRouteParts): void {
  app.get('/healthz', async () => ({ ok: true }));
  app.get('/readyz', async (_request, reply) => {
    const answer = await readiness.check();
    return reply.status(answer.ready ? 200 : 503).send(answer);
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
}
