import { createServer, connect as tlsConnect, type ConnectionOptions } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { signCapability, type CapabilityTarget } from '#protocol/capability.ts';
import { openTunnel } from '../../../cage-image/tunnel/tunnel.ts';
import { clientHello, inRecordsOf } from '../../support/client-hello.ts';
import { eventually } from '../../support/eventually.ts';
import { startGate, type TestGate, type TestGateOptions } from '../../support/gate.ts';
import { subject } from '../../support/link.ts';
import { tcpTarget, type TcpTarget } from '../../support/tcp-target.ts';

// A gate that waits where it should refuse fails its test soon.
vi.setConfig({ testTimeout: 10_000 });

const code = (code: string) => expect.objectContaining({ code });

/** A capability with any target, as a tenant's base URL or egress list could come to be written. */
const capabilityFor = (gate: TestGate, target: CapabilityTarget, tunnelMs = 60_000) =>
  signCapability(
    {
      version: 1,
      install: gate.install,
      role: 'meter',
      targets: [target],
      expires: Date.now() / 1000 + 60,
      tunnelMs,
      ...subject('a'),
    },
    gate.keys.privateKey,
  );

const tunnel = (gate: TestGate, target: CapabilityTarget, tunnelMs?: number) =>
  openTunnel({
    gate: gate.socket,
    capability: capabilityFor(gate, target, tunnelMs),
    host: target.host,
    port: target.port,
  });

const refusals = async (gate: TestGate, name: string) =>
  new RegExp(`code="${name}"} (\\d+)`).exec(
    await (await fetch(`http://127.0.0.1:${gate.tcp.port}/metrics`)).text(),
  )?.[1];

describe('private and metadata addresses', () => {
  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '172.17.0.1',
    '192.168.0.1',
    '169.254.169.254',
    '168.63.129.16',
    '100.64.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '224.0.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '017700000001',
    '127.1',
    '127.0.0.1.',
    '0',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '::127.0.0.1',
    '64:ff9b::169.254.169.254',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2001::1',
    'fe80::1',
    'fd00:ec2::254',
    'ff02::1',
  ])('%s is refused though the capability names it', async (host) => {
    await using gate = await startGate();
    for (const tls of ['sni', 'ip'] as const)
      await expect(tunnel(gate, { host, port: 443, tls })).rejects.toEqual(code('gate_address_denied'));
  });

  it.each(['localhost', 'LOCALHOST', 'localhost.', 'metadata.google.internal', 'rebind.example'])(
    'the name %s that leads there is refused',
    async (host) => {
      await using gate = await startGate({ resolve: async () => ['127.0.0.1', '::1', '169.254.169.254'] });
      await expect(tunnel(gate, { host, port: 443, tls: 'sni' })).rejects.toEqual(
        code('gate_address_denied'),
      );
    },
  );

  it.each(['fe80::1%lo', '127.0.0.1%lo', '127.0.0.1#', 'a b', 'user@127.0.0.1', '127。0。0。1'])(
    '"%s" is no host',
    async (host) => {
      await using gate = await startGate();
      const refused = tunnel(gate, { host, port: 443, tls: 'sni' });
      await expect(refused).rejects.toThrow();
    },
  );

  it('are refused over the system resolver too, and reached only where the exact host and port are allowed', async () => {
    await using target = await tcpTarget();
    await using gate = await startGate({ allowHosts: [`localhost:${target.port}`] });
    await expect(tunnel(gate, { host: 'localhost', port: 443, tls: 'sni' })).rejects.toEqual(
      code('gate_address_denied'),
    );
    await expect(tunnel(gate, { host: '127.0.0.1', port: target.port, tls: 'ip' })).rejects.toEqual(
      code('gate_address_denied'),
    );
    const allowed = await tunnel(gate, { host: 'LocalHost.', port: target.port, tls: 'plain' });
    allowed.destroy();
  });

  it('cannot be reached by answering the second look-up otherwise: there is none', async () => {
    await using target = await tcpTarget();
    const answers = ['127.0.0.1', '127.0.0.99'];
    let asked = 0;
    await using gate = await startGate({
      allowHosts: [`name.test:${target.port}`],
      resolve: async () => [answers[asked++] ?? ''],
    });
    const stream = await tunnel(gate, { host: 'name.test', port: target.port, tls: 'plain' });
    await eventually(() => expect(target.connections).toBe(1));
    expect(asked).toBe(1);
    stream.destroy();
  });

  it('says so where a target does not answer', async () => {
    const target = await tcpTarget();
    await target[Symbol.asyncDispose]();
    await using gate = await startGate({ allowHosts: [`127.0.0.1:${target.port}`] });
    await expect(tunnel(gate, { host: '127.0.0.1', port: target.port, tls: 'ip' })).rejects.toEqual(
      code('gate_connect_failed'),
    );
  });
});

describe('the first flight', () => {
  const setUp = async (tls: CapabilityTarget['tls'], host = 'model.test', options: TestGateOptions = {}) => {
    const target = await tcpTarget('secret greeting');
    const gate = await startGate({
      allowHosts: [`${host}:${target.port}`],
      resolve: async () => ['127.0.0.1'],
      ...options,
    });
    const open = (tunnelMs?: number) => tunnel(gate, { host, port: target.port, tls }, tunnelMs);
    return {
      target,
      gate,
      open,
      [Symbol.asyncDispose]: async () => (
        await gate[Symbol.asyncDispose](),
        await target[Symbol.asyncDispose]()
      ),
    };
  };

  /** What the client hears until its stream ends. */
  const heard = async (stream: Socket, ...pieces: (Buffer | string)[]): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = once(stream, 'close');
    for (const piece of pieces) stream.write(piece);
    await ended;
    return Buffer.concat(chunks);
  };

  const expectNothingPassed = (target: TcpTarget, answer: Buffer): void => {
    expect(target.received.length).toBe(0);
    expect(answer.toString()).not.toContain('secret');
  };

  it.each([
    ['another name', { servername: 'evil.test' }],
    ['a subdomain', { servername: 'x.model.test' }],
    ['a name behind a dot', { servername: 'model.test.' }],
    ['no name', {}],
  ] as [string, ConnectionOptions][])('with %s is refused before a byte passes', async (_, options) => {
    await using set = await setUp('sni');
    const answer = await heard(await set.open(), await clientHello(options));
    expectNothingPassed(set.target, answer);
    expect(answer.toString('hex')).toBe('15030300020270');
    expect(await refusals(set.gate, 'gate_sni_mismatch')).toBe('1');
  });

  it('of an address with a name in it is refused', async () => {
    await using set = await setUp('ip', '127.0.0.1');
    expectNothingPassed(
      set.target,
      await heard(await set.open(), await clientHello({ servername: 'model.test' })),
    );
    expect(await refusals(set.gate, 'gate_sni_mismatch')).toBe('1');
  });

  it.each([
    ['HTTP', 'GET / HTTP/1.1\r\nHost: model.test\r\n\r\n'],
    ['SSH', 'SSH-2.0-x\r\n'],
    ['nothing like it', '\x16\x02\x00\x00\x10'],
  ])('that is %s is refused', async (_, bytes) => {
    await using set = await setUp('sni');
    expectNothingPassed(set.target, await heard(await set.open(), bytes));
    expect(await refusals(set.gate, 'gate_not_tls')).toBe('1');
  });

  it('that never comes, or comes too slowly, is not waited for', async () => {
    await using set = await setUp('sni', 'model.test', { limits: { helloMs: 100 } });
    const hello = await clientHello({ servername: 'model.test' });
    expectNothingPassed(set.target, await heard(await set.open(), hello.subarray(0, hello.length - 1)));
  });

  it('with the right name passes whole, in whatever pieces and letters it comes', async () => {
    for (const size of [1, 5, 90]) {
      await using set = await setUp('sni');
      const hello = inRecordsOf(size, await clientHello({ servername: 'MODEL.test' }));
      const stream = await set.open();
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.setNoDelay(true);
      for (let at = 0; at < hello.length; at += 200) {
        stream.write(hello.subarray(at, at + 200));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await eventually(() => expect(set.target.received.equals(hello)).toBe(true));
      await eventually(() => expect(Buffer.concat(chunks).toString()).toBe('secret greeting'));
      stream.destroy();
    }
  });

  it('without TLS passes only where the installation allows the host', async () => {
    await using set = await setUp('plain', 'model.test', { allowHosts: [] });
    await expect(set.open()).rejects.toEqual(code('gate_not_tls'));
    expect(set.target.connections).toBe(0);
  });

  it('begins a stream that ends at its time', async () => {
    await using set = await setUp('plain');
    const stream = await set.open(2_000);
    expect((await heard(stream, 'hello')).toString()).toBe('secret greeting');
    expect(set.target.received.toString()).toBe('hello');
    await eventually(() => expect(set.target.sockets.size).toBe(0));
  });

  it('begins a stream that ends with the bytes of its cage', async () => {
    await using set = await setUp('plain', 'model.test', { limits: { bytesPerCage: 10_000 } });
    const stream = await set.open();
    await heard(stream, Buffer.alloc(20_000));
    await expect(set.open()).rejects.toEqual(code('gate_busy'));
  });
});

describe('a tunnel', () => {
  it('carries TLS that only the two ends can read, both ways and in bulk', async () => {
    const psk = Buffer.alloc(32, 7);
    const suite = { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' } as const;
    const server = createServer({ ...suite, pskCallback: () => psk }, (socket) => socket.pipe(socket)).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await using gate = await startGate({
      allowHosts: [`model.test:${port}`],
      resolve: async () => ['127.0.0.1'],
    });
    const stream = await tunnel(gate, { host: 'model.test', port, tls: 'sni' });
    const tls = tlsConnect({
      socket: stream,
      servername: 'model.test',
      ...suite,
      pskCallback: () => ({ psk, identity: 'x' }),
      checkServerIdentity: () => undefined,
    });
    await once(tls, 'secureConnect');
    const sent = Buffer.alloc(3_000_000, 'abcdefg');
    tls.end(sent);
    const back: Buffer[] = [];
    for await (const chunk of tls) back.push(chunk as Buffer);
    expect(Buffer.concat(back).equals(sent)).toBe(true);
    server.close();
  });
});
