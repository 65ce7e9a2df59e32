import { describe, expect, it } from 'vitest';
import { randomBytes } from 'node:crypto';
import { Secret } from '#secret/secret.ts';
import { eventually } from '../../support/eventually.ts';
import { startGate } from '../../support/gate.ts';
import { dialCage, ids, ping, pong, serveCage, upTo } from '../../support/link.ts';

describe('the link through the gate', () => {
  it('carries messages both ways, over the socket and over the port', async () => {
    await using gate = await startGate();
    for (const address of [gate.socket, gate.tcp]) {
      await using cage = serveCage(gate.issuer, address);
      await using controller = await dialCage(gate.issuer, gate.tcp, cage);
      for (const id of upTo(50)) {
        controller.link.send(ping(id));
        cage.link.send(pong(id));
      }
      await Promise.all([controller.link.acknowledged(), cage.link.acknowledged()]);
      expect(ids(cage.received)).toEqual(upTo(50));
      expect(ids(controller.received)).toEqual(upTo(50));
      expect(controller.link.hello).toMatchObject({
        cageId: cage.cageId,
        epoch: 1,
        meterPublicKey: 'cHVibGlj',
      });
    }
  });

  it('refuses a controller without the secret, and the cage still takes the right one', async () => {
    await using gate = await startGate();
    await using cage = serveCage(gate.issuer, gate.socket);
    await expect(
      dialCage(gate.issuer, gate.tcp, cage, { linkSecret: new Secret(randomBytes(32)) }),
    ).rejects.toMatchObject({
      code: 'link_unauthenticated',
    });
    await using controller = await dialCage(gate.issuer, gate.tcp, cage);
    controller.link.send(ping(1));
    await controller.link.acknowledged();
    expect(ids(cage.received)).toEqual([1]);
    expect(cage.errors).toContain('link_unauthenticated');
  });

  it('is taken over by a newer epoch, whose predecessor is told, and refuses an older one', async () => {
    await using gate = await startGate();
    await using cage = serveCage(gate.issuer, gate.socket);
    await using old = await dialCage(gate.issuer, gate.tcp, cage, { epoch: 1 });
    cage.link.send(pong(1));
    await cage.link.acknowledged();
    await using young = await dialCage(gate.issuer, gate.tcp, cage, { epoch: 2, lastSeq: 0 });
    expect(await old.link.closed).toMatchObject({ code: 'link_superseded' });
    cage.link.send(pong(2));
    await cage.link.acknowledged();
    expect(ids(young.received)).toEqual([2]);
    await expect(dialCage(gate.issuer, gate.tcp, cage, { epoch: 1 })).rejects.toMatchObject({
      code: 'link_superseded',
    });
    young.link.send(ping(7));
    await young.link.acknowledged();
    expect(ids(cage.received)).toEqual([7]);
  });

  it('gives a newer controller what the older one had not handled', async () => {
    await using gate = await startGate();
    await using cage = serveCage(gate.issuer, gate.socket);
    const stuck = await dialCage(gate.issuer, gate.tcp, cage, {
      onMessage: () => new Promise(() => undefined),
    });
    for (const id of upTo(5)) cage.link.send(pong(id));
    await stuck.link.close();
    await using young = await dialCage(gate.issuer, gate.tcp, cage, { epoch: 2 });
    await eventually(() => expect(ids(young.received)).toEqual(upTo(5)));
  });

  it('brings a message again whose handler failed, more and more slowly', async () => {
    await using gate = await startGate();
    await using cage = serveCage(gate.issuer, gate.socket);
    let failures = 5;
    const failedMs: number[] = [];
    const seen: number[] = [];
    await using controller = await dialCage(gate.issuer, gate.tcp, cage, {
      onMessage: async (message, seq) => {
        if (seq === 2) failedMs.push(performance.now());
        if (seq === 2 && failures-- > 0) throw new Error('the database is away');
        seen.push(seq);
      },
    });
    for (const id of upTo(3)) cage.link.send(pong(id));
    await cage.link.acknowledged();
    expect(seen).toEqual([1, 2, 3]);
    expect(controller.link.hello.nextSeq).toBe(2);
    expect(failedMs[5]! - failedMs[4]!).toBeGreaterThan(190);
  });

  it('waits for a cage that comes later, and gives up with the signal', async () => {
    await using gate = await startGate({ limits: { offerWaitMs: 50 } });
    const cage = serveCage(gate.issuer, { socket: '/nonexistent/gate.sock' });
    const patience = new AbortController();
    let tries = 0;
    const waiting = dialCage(gate.issuer, gate.tcp, cage, {
      signal: patience.signal,
      onState: (state) => {
        if (state === 'connecting' && ++tries === 3) patience.abort();
      },
    });
    await expect(waiting).rejects.toMatchObject({ code: 'gate_no_cage' });
    await cage.link.close();
  });
});
