import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import type { PeerNews, PeerQuestion } from '../../../orchestrator/peers/messages.ts';
import { RedisPeers } from '../../../orchestrator/peers/redis-peers.ts';
import { eventually } from '../../support/eventually.ts';
import { TestRedis } from '../../support/redis.ts';

let redis: TestRedis;
beforeAll(async () => void (redis = await TestRedis.start()));
afterAll(() => redis.stop());

const all: RedisPeers[] = [];
afterEach(() => all.splice(0).forEach((peers) => peers.close()));

const question = { kind: 'function_calls', organisation: 'o', task: 't' } as const;

/** One that can be renamed, as by a new lease, and answers with its name. */
function peer(name: string, install = 'i') {
  const self = { name };
  const peers = new RedisPeers(redis.connect({ lazyConnect: true }), {
    install,
    self: () => self.name,
  });
  all.push(peers);
  const asked: PeerQuestion[] = [];
  const news: PeerNews[] = [];
  peers.onNews((one) => news.push(one));
  peers.onQuestion(async (one) => {
    asked.push(one);
    return self.name;
  });
  return { peers, self, asked, news };
}

const reached = (from: { peers: RedisPeers }, name: string) =>
  eventually(async () => expect(await from.peers.ask(name, question)).toBe(name));
/** Until so many of the installation hear what is asked: none of them is asked in vain. */
const listening = (count: number) =>
  eventually(async () =>
    expect(await redis.connect().pubsub('NUMSUB', 'clawcage:i:peers:questions')).toContain(count),
  );

describe('orchestrators', () => {
  it('tell all others, and ask one of them, by the name that it has now', async () => {
    const [a, b, c] = [peer('a'), peer('b'), peer('c')];
    await listening(3);
    await reached(a, 'b');
    await reached(a, 'c');
    expect(c.asked).toHaveLength(1);
    await a.peers.tell({ kind: 'cancel', organisation: 'o', task: 't' });
    await eventually(() => {
      for (const one of [b, c]) expect(one.news).toEqual([{ kind: 'cancel', organisation: 'o', task: 't' }]);
    });
    b.self.name = 'b2';
    await reached(a, 'b2');
    await expect(a.peers.ask('b', question)).rejects.toMatchObject({ code: 'peer_silent' });
    expect(await a.peers.ask('a', question)).toBe('a');
  });

  it('get the error that the other answers with', async () => {
    const [a, b] = [peer('a'), peer('b')];
    await reached(a, 'b');
    b.peers.onQuestion(async () => {
      throw new CodedError('function_call_answered', { call: 'c' });
    });
    await expect(a.peers.ask('b', question)).rejects.toMatchObject({
      code: 'function_call_answered',
      details: { call: 'c' },
    });
  });

  it('of another installation on the same Redis hear nothing', async () => {
    const [a, b, other] = [peer('a'), peer('b'), peer('b', 'other')];
    await reached(a, 'b');
    await a.peers.tell({ kind: 'left', orchestrator: 'a' });
    await eventually(() => expect(b.news).toHaveLength(1));
    expect(other.news).toEqual([]);
    expect(other.asked).toEqual([]);
  });

  it('pass over what they do not understand', async () => {
    const [a, b] = [peer('a'), peer('b')];
    await reached(a, 'b');
    for (const text of ['no JSON', '{}', '{"kind":"of a later version"}'])
      await redis.connect().publish('clawcage:i:peers:news', text);
    await a.peers.tell({ kind: 'left', orchestrator: 'a' });
    await eventually(() => expect(b.news).toEqual([{ kind: 'left', orchestrator: 'a' }]));
  });

  it('that Redis cannot bring together are told so, and find each other again', async () => {
    const own = await TestRedis.start();
    const make = (name: string) => {
      const peers = new RedisPeers(own.connect({ lazyConnect: true }), {
        install: 'i',
        self: () => name,
        answerMs: 400,
      });
      all.push(peers);
      peers.onQuestion(async () => name);
      return { peers };
    };
    const [a] = [make('a'), make('b')];
    await reached(a!, 'b');
    await own.kill();
    await a!.peers.tell({ kind: 'left', orchestrator: 'a' });
    await expect(a!.peers.ask('b', question)).rejects.toMatchObject({ code: 'peer_silent' });
    await own.start();
    await reached(a!, 'b');
    await own.stop();
  });
});
