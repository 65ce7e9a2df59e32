import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { CodedError } from '#errors/coded-error.ts';
import { batchList, type BatchReply, type BatchResult, type BatchView } from '#protocol/api.ts';
import { parse } from '../errors.ts';
import { idempotencyKeyOf } from '../idempotency-key.ts';
import { organisationFor } from '../principal.ts';

export interface BatchRouteParts {
  readonly batches: {
    create(
      organisation: string,
      claw: string,
      body: AsyncIterable<Uint8Array>,
      idempotencyKey: string | undefined,
    ): Promise<BatchReply>;
    list(
      organisation: string,
      query: z.output<typeof batchList>,
    ): Promise<{ items: readonly BatchView[]; nextCursor: string | null }>;
    get(organisation: string, id: string): Promise<BatchReply>;
    cancel(organisation: string, id: string): Promise<BatchReply>;
    results(organisation: string, id: string): Promise<AsyncIterable<BatchResult>>;
  };
}

type OfBatch = { Params: { id: string } };

const JSON_LINES = ['application/x-ndjson', 'application/jsonl', 'application/jsonlines'];

export function batchRoutes(app: FastifyInstance, { batches }: BatchRouteParts): void {
  void app.register(async (lines) => {
    lines.removeAllContentTypeParsers();
    lines.addContentTypeParser(JSON_LINES, (_request, payload, done) => done(null, payload));
    lines.addContentTypeParser('*', (_request, _payload, done) => done(wrongType()));

    lines.post<{ Params: { name: string } }>('/claws/:name/batches', async (request, reply) => {
      const organisation = organisationFor(request, 'claws.run');
      const key = idempotencyKeyOf(request);
      if (!(request.body instanceof Readable)) throw wrongType();
      return reply
        .status(202)
        .send(await batches.create(organisation, request.params.name, request.body, key));
    });
  });

  app.get('/batches', async (request) =>
    batches.list(organisationFor(request, 'tasks.read'), parse(batchList, request.query)),
  );

  app.get<OfBatch>('/batches/:id', async (request) =>
    batches.get(organisationFor(request, 'tasks.read'), request.params.id),
  );

  app.post<OfBatch>('/batches/:id/cancel', async (request) =>
    batches.cancel(organisationFor(request, 'tasks.cancel'), request.params.id),
  );

  app.get<OfBatch>('/batches/:id/results', async (request, reply) => {
    const results = await batches.results(organisationFor(request, 'tasks.read'), request.params.id);
    return reply.type('application/x-ndjson; charset=utf-8').send(Readable.from(asLines(results)));
  });
}

/** The next result is opened when the reader has taken the last. */
async function* asLines(results: AsyncIterable<BatchResult>): AsyncGenerator<Buffer> {
  for await (const result of results) yield Buffer.from(`${JSON.stringify(result)}\n`);
}

const wrongType = (): CodedError =>
  new CodedError('request_invalid', {
    reason: 'the body must be JSON Lines, a task on each line (application/x-ndjson or application/jsonl)',
  });
