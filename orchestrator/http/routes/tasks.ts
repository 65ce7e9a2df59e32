import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { taskCreate, taskList, type ResultReply, type TaskReply, type TaskView } from '#protocol/api.ts';
import { parse } from '../errors.ts';
import { idempotencyKeyOf } from '../idempotency-key.ts';
import { organisationFor } from '../principal.ts';

export interface TaskRouteParts {
  readonly tasks: {
    create(
      organisation: string,
      claw: string,
      task: z.output<typeof taskCreate>,
      idempotencyKey: string | undefined,
    ): Promise<TaskReply>;
    list(
      organisation: string,
      query: z.output<typeof taskList>,
    ): Promise<{ items: readonly TaskView[]; nextCursor: string | null }>;
    get(organisation: string, id: string): Promise<TaskReply>;
    result(organisation: string, id: string): Promise<ResultReply>;
    cancel(organisation: string, id: string): Promise<TaskReply>;
  };
}

export function taskRoutes(app: FastifyInstance, { tasks }: TaskRouteParts): void {
  app.post<{ Params: { name: string } }>('/claws/:name/tasks', async (request, reply) => {
    const organisation = organisationFor(request, 'claws.run');
    const key = idempotencyKeyOf(request);
    return reply
      .status(202)
      .send(await tasks.create(organisation, request.params.name, parse(taskCreate, request.body), key));
  });

  app.get('/tasks', async (request) =>
    tasks.list(organisationFor(request, 'tasks.read'), parse(taskList, request.query)),
  );

  app.get<{ Params: { id: string } }>('/tasks/:id', async (request) =>
    tasks.get(organisationFor(request, 'tasks.read'), request.params.id),
  );

  app.get<{ Params: { id: string } }>('/tasks/:id/result', async (request) =>
    tasks.result(organisationFor(request, 'tasks.read'), request.params.id),
  );

  app.post<{ Params: { id: string } }>('/tasks/:id/cancel', async (request) =>
    tasks.cancel(organisationFor(request, 'tasks.cancel'), request.params.id),
  );
}
