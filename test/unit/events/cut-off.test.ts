import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import { EventHub, type HubOptions } from '../../../orchestrator/events/event-hub.ts';
import { ofCage } from '../../../orchestrator/events/unwritten.ts';
import { QUEUED, USAGE } from '../../../orchestrator/http/reference/examples.ts';
import { FakeStreams, openKeys } from '../../support/fake-streams.ts';
import { Watched } from '../../support/watched-events.ts';

const of = { organisation: 'o', task: 't' };
const ended = { kind: 'ended', task: QUEUED, usage: USAGE } as const;
const text = (words: string) => ({ kind: 'text', text: words }) as const;
const fromCage = (number: number, fence: number) => ({ fence, once: ofCage(1, number) });

let streams: FakeStreams;
const hubs: EventHub[] = [];
beforeEach(() => void (streams = new FakeStreams()));
afterEach(() => hubs.splice(0).forEach((hub) => hub.close()));

function orchestrator(options: HubOptions = {}) {
  const log = streams.connect();
  const hub = new EventHub({ log, keys: openKeys, nowMs: 1, ...options });
  hubs.push(hub);
  return { hub, log };
}

/** A wrote a1, and showed a2, a3 and a4 to its own watcher without Redis. */
async function cutOff(options: HubOptions = {}) {
  const [a, b] = [orchestrator(options), orchestrator()];
  const here = Watched.of(a.hub, of);
  await here.caughtUp();
  await a.hub.publish(of, text('a1'), fromCage(1, 1));
  a.log.cut();
  for (const n of [2, 3, 4]) await a.hub.publish(of, text(`a${n}`), fromCage(n, 1));
  expect(here.texts()).toEqual(['a1', 'a2', 'a3', 'a4']);
  return { a, b, here };
}

async function saidBy({ hub }: { hub: EventHub }, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) await hub.publish(of, text(`b${n}`), fromCage(n, 2));
}

/** What was told: texts, and the gaps between them. */
const told = ({ messages }: Watched): string[] =>
  messages.flatMap((message) => {
    if (message.type === 'event')
      return message.event.kind === 'text' ? [message.event.text] : [message.event.kind];
    return message.type === 'gap' ? ['gap'] : [];
  });

/** Without the gaps that follow another. */
const inShort = (watched: Watched): string[] =>
  told(watched).filter((one, at, all) => one !== 'gap' || all[at - 1] !== 'gap');

describe('watchers of an orchestrator that was cut off from Redis while another took over', () => {
  it('are told of a gap, of all that the other wrote, and nothing again that was refused', async () => {
    const { a, b, here } = await cutOff();
    await b.hub.acknowledged(of, fromCage(4, 2));
    await saidBy(b, 5, 7);
    a.log.heal();
    await streams.quiet();
    await saidBy(b, 8, 8);
    await streams.quiet();
    expect(inShort(here)).toEqual(['a1', 'a2', 'a3', 'a4', 'gap', 'b5', 'b6', 'b7', 'b8']);
    const ids = here.ids();
    expect(ids).toEqual([...new Set(ids)].toSorted((x, y) => x - y));
  });

  it('are told of it also where the other wrote under the ids that they saw', async () => {
    const { a, b, here } = await cutOff();
    await saidBy(b, 2, 4);
    a.log.heal();
    await streams.quiet();
    await saidBy(b, 5, 5);
    await streams.quiet();
    expect(told(here)).toEqual(['a1', 'a2', 'a3', 'a4', 'gap', 'b2', 'b3', 'b4', 'b5']);
  });

  it('are told of it where the other had nothing to write before they were refused', async () => {
    const { a, b, here } = await cutOff();
    await b.hub.acknowledged(of, fromCage(1, 2));
    a.log.heal();
    await streams.quiet();
    expect(told(here)).toEqual(['a1', 'a2', 'a3', 'a4', 'gap']);
    await saidBy(b, 2, 3);
    await streams.quiet();
    expect(told(here)).toEqual(['a1', 'a2', 'a3', 'a4', 'gap', 'b2', 'b3']);
  });

  it('are told the end that the other wrote', async () => {
    const { a, b, here } = await cutOff();
    await b.hub.publish(of, ended, { fence: 2 });
    a.log.heal();
    await streams.quiet();
    expect(told(here)).toEqual(['a1', 'a2', 'a3', 'a4', 'gap', 'ended']);
  });

  it('miss nothing silently where they went to the other, before it wrote or after', async () => {
    // Redis' clock stands behind the ids that were shown, as far as the other knows.
    streams.tickUs = 0;
    const { a, b, here } = await cutOff();
    a.hub.close();
    const early = Watched.of(b.hub, of, { after: here.lastId });
    await early.caughtUp();
    streams.tickUs = 1_000_000;
    await b.hub.acknowledged(of, fromCage(4, 2));
    await saidBy(b, 5, 9);
    const late = Watched.of(b.hub, of, { after: here.lastId });
    await late.caughtUp();
    for (const one of [early, late]) expect(inShort(one)).toEqual(['gap', 'b5', 'b6', 'b7', 'b8', 'b9']);
  });

  it('see what it kept again behind a gap, where it may still write that behind what another wrote', async () => {
    const { a, b, here } = await cutOff();
    await b.hub.publish(of, text('b'), { fence: 1 });
    a.log.heal();
    await streams.quiet();
    expect(told(here)).toEqual(['a1', 'a2', 'a3', 'a4', 'gap', 'b', 'a2', 'a3', 'a4']);
    const late = Watched.of(b.hub, of);
    await late.caughtUp();
    expect(late.texts()).toEqual(['a1', 'b', 'a2', 'a3', 'a4']);
  });
});

describe('an orchestrator that was refused what it showed', () => {
  it('has all that the stream has for whoever comes late, also where there was no room for both', async () => {
    const { a, b, here } = await cutOff({ ringBytes: 300 });
    const early = Watched.of(a.hub, of);
    await early.caughtUp();
    expect(told(early)).not.toContain('a1');
    await b.hub.acknowledged(of, fromCage(1, 2));
    a.log.heal();
    await streams.quiet();
    const late = Watched.of(a.hub, of);
    await late.caughtUp();
    expect(told(late)).toEqual(['a1']);
    expect(told(here)).toEqual(['a1', 'a2', 'a3', 'a4', 'gap']);
  });
});

describe('a watcher that comes while Redis answers too late', () => {
  it('is told what it had when it answers again', async () => {
    const [a, b] = [orchestrator(), orchestrator()];
    await a.hub.publish(of, text('a1'), fromCage(1, 1));
    const hear = b.log.hear.bind(b.log);
    b.log.hear = async (task) => {
      await hear(task);
      b.log.isSilent = true;
    };
    const there = Watched.of(b.hub, of);
    await there.caughtUp();
    await streams.quiet();
    expect(told(there)).toEqual([]);
    b.log.heal();
    b.hub.sweep();
    await streams.quiet();
    expect(told(there)).toEqual(['a1']);
  });
});

describe('an entry that says that something is missing', () => {
  it('is nothing that the release before could take for an event', async () => {
    const { b } = await cutOff();
    await b.hub.acknowledged(of, fromCage(4, 2));
    expect(streams.kept(of)!.entries.map(({ sealed }) => sealed.length > 0)).toEqual([true, false]);
  });

  it('or that nobody can open is a gap, also for whoever comes late', async () => {
    const [a, b] = [orchestrator(), orchestrator()];
    const there = Watched.of(b.hub, of);
    await there.caughtUp();
    await a.hub.publish(of, text('a1'), fromCage(1, 1));
    const { lastId } = streams.kept(of)!;
    streams.append(of, 1, lastId, [{ id: lastId + 1, sealed: Buffer.from('of nobody'), over: false }]);
    await a.hub.publish(of, text('a2'), fromCage(2, 1));
    await streams.quiet();
    const late = Watched.of(b.hub, of);
    await late.caughtUp();
    for (const one of [there, late]) expect(told(one)).toEqual(['a1', 'gap', 'a2']);
  });
});

describe('where Redis lost everything', () => {
  it('two that write at that moment make one stream again, and nobody misses anything', async () => {
    const [a, b] = [orchestrator(), orchestrator()];
    const both = [Watched.of(a.hub, of), Watched.of(b.hub, of)];
    for (const one of both) await one.caughtUp();
    for (const n of [1, 2]) await a.hub.publish(of, text(`a${n}`), fromCage(n, 1));
    await streams.quiet();
    streams.loseAll();
    const open = b.log.open.bind(b.log);
    const isFirst = Promise.withResolvers<void>();
    b.log.open = async (...args) => {
      await isFirst.promise;
      return open(...args);
    };
    void a.hub.publish(of, text('0'), { fence: 1 }).then(isFirst.resolve);
    await Promise.all([a, b].map(({ hub }) => hub.publish(of, text('3'), { fence: 1 })));
    await streams.quiet();
    const late = Watched.of(orchestrator().hub, of);
    await late.caughtUp();
    for (const one of [...both, late]) expect(told(one)).toEqual(['a1', 'a2', '0', '3', '3']);
  });
});

describe('watchers of an orchestrator that is alone with its task', () => {
  it('see nothing again, and no gap, when Redis is back', async () => {
    const { a, b, here } = await cutOff();
    a.log.heal();
    await streams.quiet();
    const there = Watched.of(b.hub, of);
    await there.caughtUp();
    for (const one of [here, there]) expect(told(one)).toEqual(['a1', 'a2', 'a3', 'a4']);
  });

  it('see nothing again, and no gap, where it made the stream and was not told so', async () => {
    const { hub, log } = orchestrator();
    const here = Watched.of(hub, of);
    await here.caughtUp();
    log.cut();
    await hub.publish(of, text('a1'), fromCage(1, 1));
    const open = log.open.bind(log);
    log.open = async (...args) => {
      log.open = open;
      await open(...args);
      throw new CodedError('redis_unavailable');
    };
    log.heal();
    await streams.quiet();
    hub.sweep();
    await streams.quiet();
    await hub.publish(of, text('a2'), fromCage(2, 1));
    const late = Watched.of(hub, of);
    await late.caughtUp();
    for (const one of [here, late]) expect(told(one)).toEqual(['a1', 'a2']);
    expect(streams.kept(of)!.entries.map(({ id }) => id)).toEqual(here.ids());
  });

  it('see nothing again, and no gap, when Redis is back with an older log', async () => {
    const [a, b] = [orchestrator(), orchestrator()];
    const both = [Watched.of(a.hub, of), Watched.of(b.hub, of)];
    for (const one of both) await one.caughtUp();
    for (const n of [1, 2, 3]) await a.hub.publish(of, text(`a${n}`), fromCage(n, 1));
    await streams.quiet();
    for (const { log } of [a, b]) log.cut();
    streams.loseNewest(of, 2);
    for (const { log } of [a, b]) log.heal();
    await a.hub.publish(of, text('a4'), fromCage(4, 1));
    await streams.quiet();
    const late = Watched.of(orchestrator().hub, of);
    await late.caughtUp();
    for (const one of [...both, late]) expect(told(one)).toEqual(['a1', 'a2', 'a3', 'a4']);
  });
});

describe('where Redis is back with an older log', () => {
  it('and another wrote before, what it wrote is told behind a gap', async () => {
    const [a, b] = [orchestrator(), orchestrator()];
    const there = Watched.of(b.hub, of);
    await there.caughtUp();
    for (const n of [1, 2, 3]) await a.hub.publish(of, text(`a${n}`), fromCage(n, 1));
    await streams.quiet();
    a.hub.close();
    b.log.cut();
    streams.loseNewest(of, 2);
    const c = orchestrator();
    await saidBy(c, 2, 4);
    b.log.heal();
    await streams.quiet();
    expect(told(there)).toEqual(['a1', 'a2', 'a3', 'gap', 'b2', 'b3', 'b4']);
  });
});
