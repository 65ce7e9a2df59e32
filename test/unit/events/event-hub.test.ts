import { describe, expect, it } from 'vitest';
import type { ServerMessage } from '#protocol/live.ts';
import { EventHub } from '../../../orchestrator/events/event-hub.ts';

const text = (value: string) => ({ kind: 'text', text: value }) as const;
const textsOf = (messages: ServerMessage[]): string[] =>
  messages.flatMap((message) =>
    message.type === 'event' && message.event.kind === 'text' ? [message.event.text] : [],
  );
const idOf = (message: ServerMessage | undefined): number =>
  message?.type === 'event' ? message.id : Number.NaN;

describe('live events', () => {
  it('reach a subscriber in order, from before and after it came', () => {
    const hub = new EventHub();
    const seen: ServerMessage[] = [];
    hub.publish('t', text('a'));
    hub.publish('t', text('b'));
    hub.subscribe('t', undefined, (message) => seen.push(message));
    hub.publish('t', text('c'));
    expect(textsOf(seen)).toEqual(['a', 'b', 'c']);
  });

  it('resume behind the last id that was seen, each once', () => {
    const hub = new EventHub();
    const first: ServerMessage[] = [];
    const end = hub.subscribe('t', undefined, (message) => first.push(message));
    hub.publish('t', text('a'));
    hub.publish('t', text('b'));
    end();
    hub.publish('t', text('c'));
    const second: ServerMessage[] = [];
    hub.subscribe('t', idOf(first.at(-1)), (message) => second.push(message));
    expect(textsOf(second)).toEqual(['c']);
  });

  it('say where there is a gap when the oldest had to go', () => {
    const hub = new EventHub({ ringBytes: 400 });
    const first: ServerMessage[] = [];
    const end = hub.subscribe('t', undefined, (message) => first.push(message));
    hub.publish('t', text('start'));
    end();
    for (let i = 0; i < 50; i++) hub.publish('t', text(`event ${i}`));
    const seen: ServerMessage[] = [];
    hub.subscribe('t', idOf(first[0]), (message) => seen.push(message));
    expect(seen[0]?.type).toBe('gap');
    expect(textsOf(seen).at(-1)).toBe('event 49');
  });

  it('have higher ids after a restart of the service, so that an old id misses nothing new', () => {
    const before = new EventHub({ nowMs: 1_000_000 });
    const seen: ServerMessage[] = [];
    before.subscribe('t', undefined, (message) => seen.push(message));
    before.publish('t', text('a'));
    const after = new EventHub({ nowMs: 1_000_500 });
    after.publish('t', text('b'));
    const resumed: ServerMessage[] = [];
    after.subscribe('t', idOf(seen[0]), (message) => resumed.push(message));
    expect(textsOf(resumed)).toEqual(['b']);
  });

  it('are forgotten some time after the task ended', () => {
    const hub = new EventHub({ keepEndedMs: 0 });
    hub.publish('t', { kind: 'ended', task: {} as never, usage: {} as never });
    expect(hub.knows('t')).toBe(true);
    hub.sweep(Date.now() + 1);
    expect(hub.knows('t')).toBe(false);
  });
});
