import type { FastifyInstance } from 'fastify';
import { taskEventsQuery } from '#protocol/api.ts';
import { parse } from '../errors.ts';
import { EventStream } from '../event-stream.ts';
import { organisationFor } from '../principal.ts';
import type { EventRouteParts } from './events.ts';

/** The events of one task as Server-Sent Events, beside the WebSocket for many. */
export function taskEventRoutes(
  app: FastifyInstance,
  { events, watching }: Pick<EventRouteParts, 'events' | 'watching'>,
): void {
  const open = new Set<EventStream>();
  // A stream that is open would keep the service from closing; its reader comes back by itself.
  app.addHook('preClose', async () => open.forEach((stream) => stream.destroy()));

  // Without HEAD: it would wait for the task's end.
  const options = { exposeHeadRoute: false };
  app.get<{ Params: { id: string } }>('/tasks/:id/events', options, async (request, reply) => {
    const organisation = organisationFor(request, 'tasks.read');
    const { id: task } = request.params;
    const header = request.headers['last-event-id'];
    const { after } = parse(taskEventsQuery, header === undefined ? request.query : { after: header });
    const lastWord = await watching.assertReadable(request.principal, task);
    const stream = new EventStream({ events, of: { organisation, task }, after, lastWord });
    open.add(stream);
    stream.once('close', () => open.delete(stream));
    return reply
      .header('cache-control', 'no-store')
      .header('x-accel-buffering', 'no')
      .type('text/event-stream; charset=utf-8')
      .send(stream);
  });
}
