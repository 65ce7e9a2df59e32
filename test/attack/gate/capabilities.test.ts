import { generateKeyPairSync } from 'node:crypto';
import { connect } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import type { GateAddress } from '#protocol/bootstrap.ts';
import { GATE_LINK_PATH, GATE_LINK_UPGRADE } from '#protocol/gate-reply.ts';
import { gateRequest } from '../../../cage-image/tunnel/gate-request.ts';
import { openTunnel } from '../../../cage-image/tunnel/tunnel.ts';
import { CapabilityIssuer } from '../../../orchestrator/link/capabilities.ts';
import { eventually } from '../../support/eventually.ts';
import { startGate } from '../../support/gate.ts';
import { dialCage, serveCage, subject } from '../../support/link.ts';
import { tcpTarget } from '../../support/tcp-target.ts';

// A gate that waits where it should refuse fails its test soon.
vi.setConfig({ testTimeout: 10_000 });

const baseUrl = 'https://model.test:443/v1';
const link = (gate: GateAddress, capability: string) =>
  gateRequest({ gate, capability, method: 'GET', path: GATE_LINK_PATH, upgrade: GATE_LINK_UPGRADE });
const code = (code: string) => expect.objectContaining({ code });

describe('the gate refuses', () => {
  it('whoever shows no capability of this installation, at both doors and for every service', async () => {
    await using gate = await startGate();
    const meter = gate.issuer.meter({ ...subject('a'), baseUrl, lifeMs: 60_000 });
    const [payload, signature] = meter.split('.') as [string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
    const altered = Buffer.from(JSON.stringify({ ...claims, cage: 'b' })).toString('base64url');
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const forged = [
      '',
      'x',
      '..',
      payload,
      `${payload}.`,
      `${altered}.${signature}`,
      `${payload}.${Buffer.alloc(64).toString('base64url')}`,
      `${meter}.${signature}`,
      new CapabilityIssuer({ install: gate.install, privateKey: stranger }).meter({
        ...subject('a'),
        baseUrl,
        lifeMs: 60_000,
      }),
      new CapabilityIssuer({ install: 'other', privateKey: gate.keys.privateKey }).meter({
        ...subject('a'),
        baseUrl,
        lifeMs: 60_000,
      }),
    ];
    for (const address of [gate.socket, gate.tcp]) {
      for (const capability of forged) {
        await expect(
          openTunnel({ gate: address, capability, host: 'model.test', port: 443 }),
        ).rejects.toEqual(code('gate_capability_invalid'));
        await expect(link(address, capability)).rejects.toEqual(code('gate_capability_invalid'));
      }
    }
  });

  it('an expired capability', async () => {
    await using gate = await startGate();
    const earlier = new CapabilityIssuer({
      install: gate.install,
      privateKey: gate.keys.privateKey,
      // Two hours of slack are left to clocks that were set.
      nowMs: () => Date.now() - 3 * 3_600_000,
    });
    const meter = earlier.meter({ ...subject('a'), baseUrl, lifeMs: 60_000 });
    await expect(
      openTunnel({ gate: gate.socket, capability: meter, host: 'model.test', port: 443 }),
    ).rejects.toEqual(code('gate_capability_expired'));
    await expect(link(gate.tcp, earlier.controller(subject('a')))).rejects.toEqual(
      code('gate_capability_expired'),
    );
  });

  it('a capability for what its role is not', async () => {
    await using gate = await startGate({ resolve: async () => ['8.8.8.8'] });
    const meter = gate.issuer.meter({ ...subject('a'), baseUrl, lifeMs: 60_000 });
    const agent = gate.issuer.agent({
      ...subject('a'),
      egress: ['model.test'],
      lifeMs: 60_000,
    });
    for (const capability of [meter, agent])
      await expect(link(gate.tcp, capability)).rejects.toEqual(code('gate_target_denied'));
    for (const capability of [gate.issuer.link(subject('a')), gate.issuer.controller(subject('a'))]) {
      await expect(
        openTunnel({ gate: gate.socket, capability, host: 'model.test', port: 443 }),
      ).rejects.toEqual(code('gate_target_denied'));
    }
  });

  it("another cage's link, with this cage's capability", async () => {
    await using gate = await startGate({ limits: { offerWaitMs: 50 } });
    await using cage = serveCage(gate.issuer, gate.socket);
    await using own = await dialCage(gate.issuer, gate.tcp, cage);
    expect(own.link.hello.cageId).toBe(cage.cageId);
    await expect(link(gate.tcp, gate.issuer.controller(subject('another')))).rejects.toEqual(
      code('gate_no_cage'),
    );
  });

  it('what is not in the capability: host, port, neighbour, subdomain', async () => {
    await using target = await tcpTarget();
    await using gate = await startGate({
      allowHosts: [`model.test:${target.port}`, `other.test:${target.port}`],
      resolve: async () => ['127.0.0.1'],
    });
    const capability = gate.issuer.meter({
      ...subject('a'),
      baseUrl: `https://model.test:${target.port}/v1`,
      lifeMs: 60_000,
    });
    for (const [host, port] of [
      ['other.test', target.port],
      ['model.test', target.port === 443 ? 444 : 443],
      ['127.0.0.1', target.port],
      ['x.model.test', target.port],
      ['model.test.evil.example', target.port],
      ['localhost', target.port],
    ] as const) {
      await expect(openTunnel({ gate: gate.socket, capability, host, port })).rejects.toEqual(
        code('gate_target_denied'),
      );
    }
    expect(target.connections).toBe(0);
  });
});

describe('the gate stands', () => {
  it('garbage, half requests and floods of strangers, and serves the honest meanwhile', async () => {
    await using gate = await startGate({ limits: { strangers: 50 } });
    await using cage = serveCage(gate.issuer, gate.socket);
    const open = () => connect(gate.socket.socket).on('error', () => undefined);
    const slow = Array.from({ length: 200 }, () => open());
    slow.forEach((socket, index) => socket.write(index % 2 ? 'GET /link HTTP/1.1\r\nHost: x\r\n' : ''));
    const garbage = [
      '\0\0\0\0',
      'CONNECT\r\n\r\n',
      'GET http://127.0.0.1/ HTTP/1.1\r\n\r\n',
      `GET /${'x'.repeat(60_000)} HTTP/1.1\r\n\r\n`,
      'CONNECT a:1 HTTP/1.1\r\n\r\n',
    ];
    for (const bytes of garbage) open().end(bytes);
    await using controller = await dialCage(gate.issuer, gate.tcp, cage);
    controller.link.send({ type: 'ping', id: 1 });
    await controller.link.acknowledged();
    await eventually(() => expect(slow.filter((socket) => !socket.closed).length).toBeLessThanOrEqual(50));
    for (const socket of slow) socket.destroy();
  });

  it('an offer that speaks before it is asked, by closing it', async () => {
    await using gate = await startGate();
    const offer = connect(gate.socket.socket);
    const capability = gate.issuer.link(subject('a'));
    offer.write(
      `GET /link HTTP/1.1\r\nHost: gate\r\nConnection: Upgrade\r\nUpgrade: clawcage-link\r\nProxy-Authorization: Bearer ${capability}\r\n\r\nearly`,
    );
    await new Promise((resolve) => offer.once('close', resolve));
    await using cage = serveCage(gate.issuer, gate.socket);
    await using controller = await dialCage(gate.issuer, gate.tcp, cage);
    expect(controller.link.hello.epoch).toBe(1);
  });

  it('an older offer of the same cage gives way to the newer', async () => {
    await using gate = await startGate();
    const capability = gate.issuer.link(subject('a'));
    const older = link(gate.socket, capability);
    const refused = expect(older).rejects.toEqual(code('gate_unavailable'));
    await eventually(async () =>
      expect(await metric(gate.tcp.port, 'clawcage_gate_open_connections')).toBe(1),
    );
    const newer = gateRequest({
      gate: gate.socket,
      capability,
      method: 'GET',
      path: GATE_LINK_PATH,
      upgrade: GATE_LINK_UPGRADE,
    });
    await refused;
    const attached = await link(gate.tcp, gate.issuer.controller(subject('a')));
    const offered = await newer;
    attached.write('hello');
    const [chunk] = (await new Promise((resolve) => offered.once('data', (data) => resolve([data])))) as [
      Buffer,
    ];
    expect(chunk.toString()).toBe('hello');
  });

  it('a cage that opens more streams than it may, and counts them by Claw without a host', async () => {
    await using target = await tcpTarget();
    await using gate = await startGate({
      allowHosts: [`127.0.0.1:${target.port}`],
      limits: { connectionsPerCage: 3 },
    });
    const open = (cage: string) =>
      openTunnel({
        gate: gate.socket,
        capability: gate.issuer.meter({
          ...subject(cage),
          baseUrl: `http://127.0.0.1:${target.port}`,
          lifeMs: 60_000,
        }),
        host: '127.0.0.1',
        port: target.port,
      });
    const tunnels = await Promise.all([open('a'), open('a'), open('a')]);
    await expect(open('a')).rejects.toEqual(code('gate_busy'));
    const other = await open('b');
    tunnels[0]?.destroy();
    await eventually(async () => tunnels.push(await open('a')));
    const text = await (await fetch(`http://127.0.0.1:${gate.tcp.port}/metrics`)).text();
    expect(text).toContain('clawcage_gate_connections_total{claw="claw",role="meter"} 5');
    expect(text).toMatch(/clawcage_gate_refusals_total\{code="gate_busy"\} \d/);
    expect(text).not.toContain('127.0.0.1');
    for (const tunnel of [...tunnels, other]) tunnel.destroy();
  });

  it('shows its counts at the port and not in the cages', async () => {
    await using gate = await startGate();
    expect((await fetch(`http://127.0.0.1:${gate.tcp.port}/healthz`)).status).toBe(200);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(gate.socket.socket).once('data', (data) => resolve(data.toString()));
      socket.write('GET /metrics HTTP/1.1\r\nHost: gate\r\n\r\n');
    });
    expect(answer).toMatch(/^HTTP\/1.1 404 [\s\S]*"not_found"/);
  });
});

async function metric(port: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}
