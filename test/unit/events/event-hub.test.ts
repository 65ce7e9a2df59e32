import { describe, expect, it } from 'vitest';
import { QUEUED, USAGE } from '../../../orchestrator/http/reference/examples.ts';
import { EventHub } from '../../../orchestrator/events/event-hub.ts';
import { eventually } from '../../support/eventually.ts';
import { Watched } from '../../support/watched-events.ts';

const of = { organisation: 'o', task: 't' };
const text = (value: string) => ({ kind: 'text', text: value }) as const;
const ended = { kind: 'ended', task: QUEUED, usage: USAGE } as const;

/** A hub without Redis: what one process does by itself. */
function hubWith(options: ConstructorParameters<typeof EventHub>[0] = {}) {
  const hub = new EventHub({ nowMs: 1, ...options });
  return { hub, say: (value: string) => void hub.publish(of, text(value)) };
}

describe('live events', () => {
  it('reach a subscriber in order, from before and after it came, with a mark between them', async () => {
    const { hub, say } = hubWith();
    say('a');
    say('b');
    const seen = Watched.of(hub, of);
    await seen.caughtUp();
    say('c');
    expect(seen.texts()).toEqual(['a', 'b', 'c']);
    expect(seen.types()).toEqual(['event', 'event', 'caught_up', 'event']);
  });

  it('resume behind the last id that was seen, each once', async () => {
    const { hub, say } = hubWith();
    const first = Watched.of(hub, of);
    await first.caughtUp();
    say('a');
    say('b');
    first.end();
    say('c');
    const second = Watched.of(hub, of, { after: first.lastId });
    await second.caughtUp();
    expect(first.texts()).toEqual(['a', 'b']);
    expect(second.texts()).toEqual(['c']);
  });

  it('say when they were said', async () => {
    const { hub, say } = hubWith();
    const fromMs = Date.now();
    say('a');
    const untilMs = Date.now();
    const seen = Watched.of(hub, of);
    await seen.caughtUp();
    const [first] = seen.messages;
    const saidMs = first?.type === 'event' ? Date.parse(first.at) : 0;
    expect([saidMs >= fromMs, saidMs <= untilMs]).toEqual([true, true]);
  });

  it('say where there is a gap when the oldest had to go', async () => {
    const { hub, say } = hubWith({ ringBytes: 400 });
    say('start');
    for (let i = 0; i < 50; i++) say(`event ${i}`);
    const seen = Watched.of(hub, of, { after: 1001 });
    await seen.caughtUp();
    const [gap, next] = seen.messages;
    expect(gap).toEqual({ type: 'gap', task: 't', from: next?.type === 'event' && next.id });
    expect(seen.texts().at(-1)).toBe('event 49');
  });

  it('have higher ids in a later start, so that an old id misses nothing new', async () => {
    const before = hubWith({ nowMs: 1_000_000 });
    before.say('a');
    const first = Watched.of(before.hub, of);
    await first.caughtUp();
    const after = hubWith({ nowMs: 1_000_500 });
    after.say('b');
    const second = Watched.of(after.hub, of, { after: first.lastId });
    await second.caughtUp();
    expect(second.texts()).toEqual(['b']);
    expect(second.types()).toEqual(['gap', 'event', 'caught_up']);
  });

  it('end with the last: what is said behind it is told to nobody', async () => {
    const { hub, say } = hubWith();
    say('a');
    void hub.publish(of, ended);
    say('late');
    const seen = Watched.of(hub, of);
    await eventually(() => expect(seen.kinds()).toEqual(['text', 'ended']));
  });

  it('of a task of which nothing is kept are the last word of its row, behind a gap where some was seen', async () => {
    const { hub } = hubWith();
    const late = Watched.of(hub, of, { lastWord: ended });
    const back = Watched.of(hub, of, { after: 7, lastWord: ended });
    await eventually(() => expect(back.kinds()).toEqual(['ended']));
    expect(late.types()).toEqual(['event']);
    expect(back.messages[0]).toEqual({ type: 'gap', task: 't', from: 8 });
  });

  it('are forgotten some time after the task ended', async () => {
    const { hub, say } = hubWith({ keepEndedMs: 0 });
    say('a');
    void hub.publish(of, ended);
    hub.sweep();
    const seen = Watched.of(hub, of, { lastWord: ended });
    await eventually(() => expect(seen.kinds()).toEqual(['ended']));
  });

  it('are not gone through further for one who leaves in the middle', async () => {
    const { hub, say } = hubWith();
    say('a');
    say('b');
    const seen: string[] = [];
    const end = hub.subscribe(of, {}, (message) => {
      seen.push(message.type);
      end();
    });
    const other = Watched.of(hub, of);
    await other.caughtUp();
    expect(seen).toEqual(['event']);
  });
});
