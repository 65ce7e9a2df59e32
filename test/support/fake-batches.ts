import type { FastifyInstance } from 'fastify';
import { batchLine, type BatchResult, type BatchView } from '#protocol/api.ts';
import { NOTHING_USED, NOW, SOME_USED } from './fake-task.ts';

interface Batches {
  readonly batches: Map<string, { view: BatchView; results: BatchResult[] }>;
  endBatch: (view: BatchView) => BatchView['states'];
}

/** The routes of batches over the maps of a FakeApi: a batch has ended when it is asked about for the second time. */
export function batchRoutes(app: FastifyInstance, api: Batches, found: <T>(item: T | undefined) => T): void {
  type WithId = { Params: { id: string } };
  app.addContentTypeParser('application/x-ndjson', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );
  app.post<{ Params: { name: string }; Body: string }>(
    '/api/v1/claws/:name/batches',
    async ({ params, body }, reply) => {
      const lines = body.split('\n').filter((line) => line.trim() !== '');
      const tasks = lines.map((line) => batchLine.parse(JSON.parse(line)));
      const id = `batch_${api.batches.size + 1}`;
      const view: BatchView = {
        id,
        claw: params.name,
        total: tasks.length,
        states: { queued: tasks.length },
        done: false,
        createdAt: NOW,
      };
      const results = tasks.map(({ text, ref }, index) => ({
        task: `task_b${index}`,
        ref: ref ?? null,
        state: 'succeeded' as const,
        answer: text,
      }));
      api.batches.set(id, { view, results });
      return reply.status(202).send({ batch: view, usage: NOTHING_USED });
    },
  );
  app.get('/api/v1/batches', async () => ({
    items: [...api.batches.values()].map(({ view }) => view),
    nextCursor: null,
  }));
  app.get<WithId>('/api/v1/batches/:id', async ({ params }) => {
    const batch = found(api.batches.get(params.id));
    const reply = { batch: batch.view, usage: SOME_USED };
    batch.view = { ...batch.view, states: api.endBatch(batch.view), done: true };
    return reply;
  });
  app.post<WithId>('/api/v1/batches/:id/cancel', async ({ params }) => {
    const batch = found(api.batches.get(params.id));
    batch.view = { ...batch.view, states: { cancelled: batch.view.total }, done: true };
    return { batch: batch.view, usage: NOTHING_USED };
  });
  app.get<WithId>('/api/v1/batches/:id/results', async ({ params }, reply) => {
    const { results } = found(api.batches.get(params.id));
    return reply.type('application/x-ndjson').send(results.map((one) => `${JSON.stringify(one)}\n`).join(''));
  });
}
