import type { FastifyInstance } from 'fastify';
import { functionResult, type FunctionCall, type FunctionResult } from '#protocol/api.ts';
import { parse } from '../errors.ts';
import { organisationFor } from '../principal.ts';

export interface CallRouteParts {
  readonly functions: {
    calls(organisation: string, task: string): Promise<readonly FunctionCall[]>;
    /** Resolves when the cage has the answer. */
    answer(organisation: string, task: string, call: string, result: FunctionResult): Promise<void>;
  };
}

/** The calls of a caller's functions that wait for their answer, and the answers. */
export function callRoutes(app: FastifyInstance, { functions }: CallRouteParts): void {
  app.get<{ Params: { id: string } }>('/tasks/:id/calls', async (request) => ({
    items: await functions.calls(organisationFor(request, 'tasks.read'), request.params.id),
    nextCursor: null,
  }));

  app.post<{ Params: { id: string; call: string } }>('/tasks/:id/calls/:call', async (request, reply) => {
    const { id, call } = request.params;
    await functions.answer(
      organisationFor(request, 'claws.run'),
      id,
      call,
      parse(functionResult, request.body),
    );
    return reply.send({ task: id, call });
  });
}
