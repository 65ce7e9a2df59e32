import { serverMessage } from '#protocol/live.ts';
import type { Client } from '../client.ts';
import { failure } from '../failure.ts';
import type { Follower } from './follow.ts';

/** What is kept comes at once: after so long without anything that is all. */
const QUIET_MS = 400;

/** Gives the follower the events that the service still has of a task, and does not wait for later ones. */
export function readKept(
  client: Client,
  task: string,
  follower: Follower,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = client.events();
    let quiet: NodeJS.Timeout | undefined;
    const end = (settle: () => void): void => {
      clearTimeout(quiet);
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.close();
      settle();
    };
    const onAbort = (): void => end(() => reject(signal.reason as Error));
    const wait = (): void => {
      clearTimeout(quiet);
      quiet = setTimeout(() => end(resolve), QUIET_MS);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('open', () => {
      socket.send(JSON.stringify({ type: 'subscribe', task, after: 0 }));
      wait();
    });
    socket.on('message', (data) => {
      const message = serverMessage.safeParse(JSON.parse(String(data)));
      if (!message.success)
        return end(() => reject(failure('reply_invalid', { url: client.url, path: '/api/v1/events' })));
      wait();
      if (message.data.type === 'gap') return follower.onGap();
      if (message.data.type !== 'event' || message.data.task !== task) return;
      follower.onEvent(message.data.event);
      if (message.data.event.kind === 'ended') end(resolve);
    });
    socket.on('error', (error) =>
      end(() => reject(failure('server_unreachable', { url: client.url, reason: error.name }))),
    );
    socket.on('close', () => end(resolve));
  });
}
