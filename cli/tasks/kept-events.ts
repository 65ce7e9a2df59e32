import { serverMessage } from '#protocol/live.ts';
import type { Client } from '../client.ts';
import { Failure, failure } from '../failure.ts';
import type { Follower } from './follow.ts';

/** Gives the follower the events that the service still has of a task, up to its mark that these were all, and does not wait for later ones. */
export function readKept(
  client: Client,
  task: string,
  follower: Follower,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = client.events();
    const end = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.close();
      settle();
    };
    const onAbort = (): void => end(() => reject(signal.reason as Error));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('open', () => {
      socket.send(JSON.stringify({ type: 'subscribe', task, after: 0 }));
    });
    socket.on('message', (data) => {
      const message = serverMessage.safeParse(JSON.parse(String(data)));
      if (!message.success)
        return end(() => reject(failure('reply_invalid', { url: client.url, path: '/api/v1/events' })));
      if (message.data.type === 'gap') return follower.onGap();
      if (message.data.type === 'error') {
        const { error } = message.data;
        return end(() => reject(new Failure({ ...error, status: 500 })));
      }
      if (message.data.type === 'caught_up') return end(resolve);
      if (message.data.type !== 'event' || message.data.task !== task) return;
      follower.onEvent(message.data.event, message.data.at);
      if (message.data.event.kind === 'ended') end(resolve);
    });
    socket.on('error', (error) =>
      end(() => reject(failure('server_unreachable', { url: client.url, reason: error.name }))),
    );
    socket.on('close', () => end(resolve));
  });
}
