import { expect, it } from 'vitest';
import { emptyApp } from '../../support/empty-app.ts';

it('a watcher who goes while it is looked up what he may watch leaves no subscription behind', async () => {
  const asked = Promise.withResolvers<void>();
  const allowed = Promise.withResolvers<undefined>();
  const subscribed: string[] = [];
  const app = await emptyApp({
    watching: {
      assertReadable: () => {
        asked.resolve();
        return allowed.promise;
      },
    },
    events: {
      subscribe: ({ task }) => {
        subscribed.push(task);
        return () => undefined;
      },
    },
  });
  await app.ready();
  const socket = await app.injectWS('/api/v1/events', { headers: { authorization: 'Bearer x' } });
  socket.send(JSON.stringify({ type: 'subscribe', task: 'task_1' }));
  await asked.promise;
  const [serverSide] = app.websocketServer.clients;
  const gone = new Promise((resolve) => serverSide!.once('close', resolve));
  socket.terminate();
  await gone;
  allowed.resolve(undefined);
  await new Promise(setImmediate);
  expect(subscribed).toEqual([]);
  await app.close();
});
