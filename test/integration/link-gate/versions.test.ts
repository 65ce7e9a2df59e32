import { describe, expect, it } from 'vitest';
import { startGate } from '../../support/gate.ts';
import { dialCage, ids, ping, pong, serveCage, upTo } from '../../support/link.ts';

describe('releases side by side on one gate', () => {
  it('hand a cage to and fro: each speaks with it the newest version that both have, and nothing is lost', async () => {
    await using gate = await startGate();
    const spoken: number[] = [];
    await using cage = serveCage(gate.issuer, gate.socket, {
      protocol: { oldest: 2, newest: 3 },
      onController: (connected, { version }) => void (connected && spoken.push(version)),
    });
    const handled: number[] = [];
    const releases = [3, 4, 2, 5].map((newest) => ({ oldest: 2, newest }));
    for (const [at, protocol] of releases.entries()) {
      await using controller = await dialCage(gate.issuer, gate.tcp, cage, {
        epoch: at + 1,
        lastSeq: handled.length,
        protocol,
        onMessage: async (message) => void handled.push(...ids([message])),
      });
      for (const id of upTo(20)) cage.link.send(pong(at * 20 + id));
      controller.link.send(ping(at + 1));
      await Promise.all([controller.link.acknowledged(), cage.link.acknowledged()]);
      expect(controller.link.hello.version).toBe(Math.min(3, protocol.newest));
    }
    expect(spoken).toEqual([3, 3, 2, 3]);
    expect(handled).toEqual(upTo(80));
    expect(ids(cage.received)).toEqual(upTo(4));
  });

  it('leave a cage alone with which they have no version in common, for one that has', async () => {
    await using gate = await startGate();
    await using cage = serveCage(gate.issuer, gate.socket, { protocol: { oldest: 2, newest: 2 } });
    const later = { protocol: { oldest: 3, newest: 4 }, epoch: 2 };
    await expect(dialCage(gate.issuer, gate.tcp, cage, later)).rejects.toMatchObject({
      code: 'link_version',
      details: { offered: [3, 4], spoken: [2] },
    });
    // The refused one's epoch does not count: an earlier one is still obeyed.
    await using controller = await dialCage(gate.issuer, gate.tcp, cage, { epoch: 1 });
    cage.link.send(pong(1));
    await cage.link.acknowledged();
    expect(ids(controller.received)).toEqual([1]);
  });
});
