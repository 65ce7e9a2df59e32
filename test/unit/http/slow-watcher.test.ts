import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { ServerMessage } from '#protocol/live.ts';
import { EventHub } from '../../../orchestrator/events/event-hub.ts';
import { QUEUED, USAGE } from '../../../orchestrator/http/reference/examples.ts';
import { emptyApp } from '../../support/empty-app.ts';
import { eventually } from '../../support/eventually.ts';

const of = { organisation: 'org_test', task: 'task_1' };
const ended = { kind: 'ended', task: QUEUED, usage: USAGE } as const;
const EVENTS = 3000;

/** A watcher over a real connection that stops reading while the task says 30 MB, and then reads on. */
async function slowWatcher(ringBytes: number) {
  const hub = new EventHub({ nowMs: 1, ringBytes });
  const app = await emptyApp({ events: hub, watching: { assertReadable: async () => undefined } });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v1/events`, {
    headers: { authorization: 'Bearer x' },
  });
  const seen: ServerMessage[] = [];
  socket.on('message', (data) => seen.push(JSON.parse(String(data)) as ServerMessage));
  socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', task: of.task })));
  await eventually(() => expect(seen.map(({ type }) => type)).toEqual(['caught_up']));
  socket.pause();
  const [atServer] = app.websocketServer.clients;
  let mostUnread = 0;
  for (let index = 0; index < EVENTS; index++) {
    void hub.publish(of, { kind: 'text', text: `${index} ${'x'.repeat(10_000)}` });
    mostUnread = Math.max(mostUnread, atServer!.bufferedAmount);
    if (index % 100 === 0) await new Promise(setImmediate);
  }
  void hub.publish(of, ended);
  socket.resume();
  await eventually(() =>
    expect(seen.some((it) => it.type === 'event' && it.event.kind === 'ended')).toBe(true),
  );
  socket.close();
  await app.close();
  hub.close();
  return { seen, mostUnread };
}

const idsOf = (seen: ServerMessage[]): number[] =>
  seen.flatMap((message) => (message.type === 'event' ? [message.id] : []));

describe('a watcher that does not read', { timeout: 60_000 }, () => {
  it('is kept little for, and sees each event once and in order when it reads again', async () => {
    const { seen, mostUnread } = await slowWatcher(64 * 1024 * 1024);
    expect(mostUnread).toBeLessThan(2 * 1024 * 1024);
    expect(idsOf(seen)).toEqual(Array.from({ length: EVENTS + 1 }, (_, index) => 1001 + index));
    expect(seen.filter(({ type }) => type !== 'event')).toHaveLength(1);
  });

  it('is told once where it goes on when less is kept', async () => {
    const { seen } = await slowWatcher(500_000);
    const gaps = seen.filter(({ type }) => type === 'gap');
    const at = seen.indexOf(gaps[0]!);
    const [before, after] = [seen[at - 1], seen[at + 1]];
    expect(gaps).toEqual([
      { type: 'gap', task: of.task, from: after?.type === 'event' ? after.id : Number.NaN },
    ]);
    expect(before?.type === 'event' && after?.type === 'event' && after.id - before.id).toBeGreaterThan(1);
    const ids = idsOf(seen);
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
  });
});
