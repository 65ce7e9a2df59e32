import { createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { PROTOCOL } from '#protocol/link-versions.ts';
import { encodeFrame } from '#protocol/frames.ts';
import { GATE_LINK_PATH, GATE_LINK_UPGRADE } from '#protocol/gate-reply.ts';
import { gateRequest } from '../../../cage-image/tunnel/gate-request.ts';
import { secureLink } from '../../../orchestrator/link/secure.ts';
import { eventually } from '../../support/eventually.ts';
import { GateProcess } from '../../support/gate-process.ts';
import { startGate } from '../../support/gate.ts';
import { dialCage, ids, ping, pong, serveCage, subject, upTo } from '../../support/link.ts';

describe('the link recovers', () => {
  it('from a gate that is killed and comes back in the middle: nothing is lost or doubled', async () => {
    await using gate = await GateProcess.start();
    await using cage = serveCage(gate.issuer, gate.socket);
    await using controller = await dialCage(gate.issuer, gate.tcp, cage);
    let id = 0;
    const talk = (count: number): void => {
      for (let i = 0; i < count; i++) {
        id++;
        cage.link.send(pong(id));
        controller.link.send(ping(id));
      }
    };
    for (let round = 0; round < 3; round++) {
      talk(200);
      await eventually(() => expect(controller.received.length).toBeGreaterThan(round * 300));
      talk(50);
      await gate.end('SIGKILL');
      talk(50);
      await gate.start();
    }
    await Promise.all([controller.link.acknowledged(), cage.link.acknowledged()]);
    expect(ids(controller.received)).toEqual(upTo(id));
    expect(ids(cage.received)).toEqual(upTo(id));
  });

  it('from a gate that hangs: both ends drop the silent stream and resume', async () => {
    await using gate = await GateProcess.start();
    await using cage = serveCage(gate.issuer, gate.socket);
    await using controller = await dialCage(gate.issuer, gate.tcp, cage);
    gate.signal('SIGSTOP');
    for (const id of upTo(20)) cage.link.send(pong(id));
    await eventually(() => expect(cage.link.connected).toBe(false));
    gate.signal('SIGCONT');
    await cage.link.acknowledged();
    expect(ids(controller.received)).toEqual(upTo(20));
  });

  it('from a controller that takes over without a word of its predecessor', async () => {
    await using gate = await startGate();
    await using cage = serveCage(gate.issuer, gate.socket);
    const handled: number[] = [];
    let lastSeq = 0;
    for (let epoch = 1; epoch <= 3; epoch++) {
      const controller = await dialCage(gate.issuer, gate.tcp, cage, {
        epoch,
        lastSeq,
        onMessage: async (message, seq) => {
          lastSeq = seq;
          handled.push(ids([message])[0] ?? 0);
        },
      });
      for (const id of upTo(10)) cage.link.send(pong((epoch - 1) * 10 + id));
      await eventually(() => expect(handled.length).toBe(epoch * 10));
      await controller.link.close();
    }
    expect(handled).toEqual(upTo(30));
  });

  it('stops cleanly on SIGTERM, and the place of its socket is taken over at the next start', async () => {
    await using gate = await GateProcess.start();
    await using cage = serveCage(gate.issuer, gate.socket);
    await using controller = await dialCage(gate.issuer, gate.tcp, cage);
    expect(await gate.end('SIGTERM')).toBe(0);
    await gate.start();
    controller.link.send(ping(1));
    await controller.link.acknowledged();
    expect(ids(cage.received)).toEqual([1]);
  });
});

describe('a controller that does not read', () => {
  const text = 'x'.repeat(60_000);

  it('is dropped, stops nothing, costs bounded memory, and the next one gets what counts', async () => {
    await using gate = await startGate();
    await using cage = serveCage(gate.issuer, gate.socket);
    const raw = await gateRequest({
      gate: gate.tcp,
      capability: gate.issuer.controller(subject(cage.cageId)),
      method: 'GET',
      path: GATE_LINK_PATH,
      upgrade: GATE_LINK_UPGRADE,
    });
    const tls = await secureLink(raw, Buffer.from(cage.secret), cage.cageId, 5_000);
    tls.write(
      encodeFrame({
        kind: 'handshake',
        payload: { type: 'resume', versions: [PROTOCOL.newest], epoch: 1, lastSeq: 0 },
      }),
    );
    await eventually(() => expect(cage.link.connected).toBe(true));
    raw.pause();
    let kept = 0;
    for (let i = 0; i < 500; i++) {
      if (cage.link.send({ type: 'event', taskId: 't', event: { kind: 'text', text } }, 'droppable')) kept++;
    }
    cage.link.send(pong(1));
    expect(kept * text.length).toBeLessThan(4.2 * 1024 * 1024);
    expect(cage.link.dropped).toBe(500 - kept);
    await eventually(() => expect(cage.link.connected).toBe(false));
    await using next = await dialCage(gate.issuer, gate.tcp, cage, { epoch: 2 });
    await cage.link.acknowledged();
    expect(next.received.length).toBe(kept + 1);
    expect(next.received.at(-1)).toEqual(pong(1));
    tls.destroy();
  });
});

describe('a gate that never answers', () => {
  it('keeps neither a controller nor a cage from ending', async () => {
    const server: Server = createServer(() => undefined).listen(0, '127.0.0.1');
    await eventually(() => expect(server.listening).toBe(true));
    const { port } = server.address() as { port: number };
    const address = { host: '127.0.0.1', port };
    await using real = await startGate();
    const cage = serveCage(real.issuer, address);
    const signal = AbortSignal.timeout(200);
    await expect(dialCage(real.issuer, address, cage, { signal })).rejects.toMatchObject({
      code: 'link_closed',
    });
    await cage.link.close();
    server.close();
  });
});
