import { describe, expect, it } from 'vitest';
import { EventHub } from '../../../orchestrator/events/event-hub.ts';
import { EventStream } from '../../../orchestrator/http/event-stream.ts';
import { QUEUED, USAGE } from '../../../orchestrator/http/reference/examples.ts';
import { emptyApp } from '../../support/empty-app.ts';

const ended = { kind: 'ended', task: QUEUED, usage: USAGE } as const;
const text = (words: string) => ({ kind: 'text', text: words }) as const;

const of = { organisation: 'org_test', task: 'task_1' };

const streamOf = (hub: EventHub, after?: number): EventStream => new EventStream({ events: hub, of, after });

interface Event {
  readonly id: number;
  readonly event: string;
  readonly data: { text?: string; from?: number };
}

/** All events with an id until the end of the stream. */
async function read(stream: EventStream): Promise<Event[]> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all
    .split('\n\n')
    .filter((block) => block.startsWith('id:'))
    .map((block) => {
      const [id, event, data] = block.split('\n').map((line) => line.slice(line.indexOf(': ') + 2));
      return { id: Number(id), event: event!, data: JSON.parse(data!) as Event['data'] };
    });
}

describe('events as a stream', () => {
  it('come with ids and kinds, from the first that is kept to the end', async () => {
    const hub = new EventHub({ nowMs: 1 });
    void hub.publish(of, text('a\n\nb'));
    const reading = read(streamOf(hub));
    await new Promise(setImmediate);
    void hub.publish(of, text('c'));
    void hub.publish(of, ended);
    const events = await reading;
    expect(events.map(({ id, event, data }) => [id, event, data.text])).toEqual([
      [1001, 'text', 'a\n\nb'],
      [1002, 'text', 'c'],
      [1003, 'ended', undefined],
    ]);
  });

  it('go on behind the last id, and say where what follows is no longer kept', async () => {
    const hub = new EventHub({ nowMs: 1, ringBytes: 600 });
    for (let index = 0; index < 10; index++) void hub.publish(of, text('x'.repeat(100)));
    void hub.publish(of, ended);
    const [gap, ...rest] = await read(streamOf(hub, 1002));
    expect(gap).toMatchObject({ event: 'gap', data: { from: rest[0]!.id } });
    expect(gap!.id).toBe(rest[0]!.id - 1);
    const again = await read(streamOf(hub, 1010));
    expect(again.map(({ event }) => event)).toEqual(['ended']);
  });

  it('do not pile up for a reader that does not read, who then loses nothing that is kept', async () => {
    const hub = new EventHub({ nowMs: 1, ringBytes: 64 * 1024 * 1024 });
    const stream = streamOf(hub);
    stream.read(0);
    await new Promise(setImmediate);
    for (let index = 0; index < 200; index++) void hub.publish(of, text(`${index} ${'x'.repeat(10_000)}`));
    expect(stream.readableLength).toBeLessThan(600 * 1024);
    void hub.publish(of, ended);
    const events = await read(stream);
    expect(events.map(({ id }) => id)).toEqual(Array.from({ length: 201 }, (_, index) => 1001 + index));
  });

  it('tell a slow reader of what it missed', async () => {
    const hub = new EventHub({ nowMs: 1, ringBytes: 50_000 });
    const stream = streamOf(hub);
    stream.read(0);
    await new Promise(setImmediate);
    for (let index = 0; index < 200; index++) void hub.publish(of, text('x'.repeat(10_000)));
    void hub.publish(of, ended);
    const events = await read(stream);
    const ids = events.map(({ id }) => id);
    expect(events.filter(({ event }) => event === 'gap')).toHaveLength(1);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(events.at(-1)!.event).toBe('ended');
  });

  it('end, behind a gap, for a reader that rested until they were forgotten', async () => {
    const rows = { ended: async (tasks: readonly string[]) => new Set(tasks), lastWord: async () => ended };
    const hub = new EventHub({ nowMs: 1, keepEndedMs: 0, rows });
    const app = await emptyApp({ events: hub, watching: { assertReadable: async () => undefined } });
    const answer = await app.inject({
      method: 'GET',
      url: '/api/v1/tasks/task_1/events',
      headers: { authorization: 'Bearer x' },
      payloadAsStream: true,
    });
    for (let index = 0; index < 150; index++) void hub.publish(of, text('x'.repeat(10_000)));
    void hub.publish(of, ended);
    await new Promise(setImmediate);
    hub.sweep();
    let seen = '';
    for await (const chunk of answer.stream()) seen += String(chunk);
    expect(seen).toMatch(/event: text\n[^]*event: gap\n[^]*event: ended\n/);
    await app.close();
  });

  it('tell once, without an id, when all that was kept has come', async () => {
    const hub = new EventHub({ nowMs: 1 });
    void hub.publish(of, text('before'));
    const stream = streamOf(hub);
    let seen = '';
    for await (const chunk of stream) {
      seen += String(chunk);
      if (seen.includes('caught_up')) break;
    }
    expect(seen).toMatch(/"text":"before","at":"[^"]+"}\n\nevent: caught_up\ndata: {}\n\n$/);
  });

  it('are not for HEAD, which would wait for the end', async () => {
    const app = await emptyApp();
    const reply = await app.inject({
      method: 'HEAD',
      url: '/api/v1/tasks/task_1/events',
      headers: { authorization: 'Bearer x' },
    });
    expect(reply.statusCode).toBe(404);
    await app.close();
  });

  it('are let go of when the reader goes', async () => {
    const hub = new EventHub({ nowMs: 1 });
    const stream = streamOf(hub);
    stream.read(0);
    await new Promise(setImmediate);
    stream.destroy();
    await new Promise(setImmediate);
    void hub.publish(of, text('for nobody'));
    expect(stream.readableLength).toBeLessThan(100);
  });

  it('keep the connection awake while nothing happens', async () => {
    const hub = new EventHub({ nowMs: 1 });
    const stream = new EventStream({ events: hub, of, heartbeatMs: 5 });
    let seen = '';
    for await (const chunk of stream) {
      seen += String(chunk);
      if (seen.includes(': still here')) break;
    }
    expect(seen).toContain('retry: 2000');
  });
});
