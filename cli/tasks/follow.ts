import { setTimeout as delay } from 'node:timers/promises';
import { taskReply, type TaskReply, type TaskView } from '#protocol/api.ts';
import { serverMessage, type TaskEvent } from '#protocol/live.ts';
import type { Client } from '../client.ts';
import { Failure, failure } from '../failure.ts';

export interface Follower {
  /** `at` says when, as ISO 8601. */
  onEvent(event: TaskEvent, at: string): void;
  /** Events up to here are no longer kept: some text was not seen. */
  onGap(): void;
  /** The connection to the service is lost, or there again. */
  onConnection(connected: boolean): void;
}

export interface FollowOptions {
  readonly signal?: AbortSignal;
  /** How long a service that is away is waited for, 5 minutes by default. */
  readonly lostMs?: number;
  /** How often the task's row is read beside the events, which may be lost with the service. */
  readonly pollMs?: number;
}

const FINAL: readonly TaskView['state'][] = ['succeeded', 'failed', 'cancelled', 'timed_out'];
const BACKOFF_MS = { first: 100, most: 2000 } as const;
/** After the row says that the task ended, its last events get this long to arrive. */
const LAST_EVENTS_MS = 1000;

/**
 * Follows a task to its end, through lost connections and restarts of the service: resumes behind the last event seen, and reads the
 * task's row where no event comes. Fails with `server_unreachable` after `lostMs` without an answer, with the service's error where it
 * refuses, and with the signal's reason when that aborts; the task itself goes on then.
 */
export async function followTask(
  client: Client,
  id: string,
  follower: Follower,
  options: FollowOptions = {},
): Promise<TaskReply> {
  const { signal, lostMs = 300_000, pollMs = 5000 } = options;
  const position = { after: 0 };
  let lostSince: number | undefined;
  let backoff: number = BACKOFF_MS.first;
  for (let round = 0; ; round++) {
    signal?.throwIfAborted();
    try {
      // The row first: it tells whether the task exists and may be read, with a coded error where not.
      const row = await readTask(client, id, signal);
      if (lostSince !== undefined) follower.onConnection(true);
      lostSince = undefined;
      if (round > 0 && FINAL.includes(row.task.state)) return row;
      const reply = await followOnce(client, id, follower, { position, pollMs, ...(signal && { signal }) });
      if (reply) return reply;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isAway(error)) throw error;
      if (lostSince === undefined) follower.onConnection(false);
      lostSince ??= performance.now();
      if (performance.now() - lostSince > lostMs) throw error;
    }
    await delay(backoff, undefined, signal && { signal });
    backoff = Math.min(backoff * 2, BACKOFF_MS.most);
  }
}

const readTask = (client: Client, id: string, signal?: AbortSignal): Promise<TaskReply> =>
  client.get(`/api/v1/tasks/${encodeURIComponent(id)}`, taskReply, { signal, timeoutMs: 15_000 });

/** Nothing answers, or what answers is starting or stopping. */
function isAway(error: unknown): boolean {
  return (
    error instanceof Failure && ['server_unreachable', 'not_ready', 'store_unavailable'].includes(error.code)
  );
}

interface Once {
  readonly position: { after: number };
  readonly pollMs: number;
  readonly signal?: AbortSignal;
}

/** One connection: the task's end, or `undefined` when the connection ended first. */
function followOnce(
  client: Client,
  id: string,
  follower: Follower,
  { position, pollMs, signal }: Once,
): Promise<TaskReply | undefined> {
  return new Promise((resolve, reject) => {
    const socket = client.events();
    let settled = false;
    const settle = (finish: () => void): void => {
      if (settled) return;
      settled = true;
      clearInterval(poll);
      signal?.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      // An error after this, such as closing while connecting, has no reader any more.
      socket.on('error', () => {});
      socket.close();
      finish();
    };
    const onAbort = (): void => settle(() => reject(signal?.reason as Error));
    const readRow = async (): Promise<void> => {
      try {
        const reply = await readTask(client, id, signal);
        if (!FINAL.includes(reply.task.state)) return;
        await delay(LAST_EVENTS_MS);
        settle(() => resolve(reply));
      } catch (error) {
        settle(() => (isAway(error) ? resolve(undefined) : reject(error)));
      }
    };
    const poll = setInterval(() => void readRow(), pollMs);
    signal?.addEventListener('abort', onAbort, { once: true });

    socket.on('open', () => {
      socket.send(JSON.stringify({ type: 'subscribe', task: id, after: position.after }));
      void readRow();
    });
    socket.on('message', (data) => {
      const message = serverMessage.safeParse(parseJson(String(data)));
      if (!message.success)
        return settle(() => reject(failure('reply_invalid', { url: client.url, path: '/api/v1/events' })));
      const { data: it } = message;
      if (it.type === 'error') return settle(() => resolve(undefined));
      if (it.type === 'function_result_taken' || it.type === 'caught_up' || it.task !== id) return;
      if (it.type === 'gap') {
        position.after = it.from - 1;
        follower.onGap();
        return;
      }
      if (it.id <= position.after) return;
      position.after = it.id;
      follower.onEvent(it.event, it.at);
      const { event } = it;
      if (event.kind === 'ended') settle(() => resolve({ task: event.task, usage: event.usage }));
    });
    // Without a WebSocket (a proxy in between may refuse it) the row is read until the task ends.
    socket.on('error', () => {});
    socket.on('close', () => settle(() => resolve(undefined)));
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
