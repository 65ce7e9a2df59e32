import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type RequestListener } from 'node:http';
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EgressProxy, MAX_TUNNELS } from '../../../cage-image/warden/egress/egress-proxy.ts';
import { startGate, type TestGate } from '../../support/gate.ts';

const servers: Server[] = [];
const names = ['plain.test', 'raw.test', 'half.test', 'early.test', 'slow.test', 'odd.test'];
let ports: Record<string, number>;
let gate: TestGate;
let proxy: EgressProxy;
let refused: string[];
let heardEarly: Promise<Buffer>;

async function listen(server: Server): Promise<number> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Answers with what it got, or as its path says. */
const echo: RequestListener = async (incoming, response) => {
  if (incoming.url === '/big') return void response.end(Buffer.alloc(8_000_000, 'x'));
  if (incoming.url === '/broken') return void incoming.socket.destroy();
  const body = await buffer(incoming);
  const { method, url, headers } = incoming;
  const sha256 = createHash('sha256').update(body).digest('hex');
  response.writeHead(418, 'Short and stout', [
    'set-cookie',
    'a=1',
    'set-cookie',
    'b=2',
    'connection',
    'x-hop',
    'x-hop',
    '1',
  ]);
  response.end(JSON.stringify({ method, url, headers, bytes: body.length, sha256 }));
};

/** Answers that a client reads and a server could not write. */
const ODD = {
  '/low': 'HTTP/1.1 042 Low\r\ncontent-length: 0\r\n\r\n',
  '/control': 'HTTP/1.1 200 O\x01K\r\ncontent-length: 2\r\n\r\nok',
  '/switch': 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
} as const;

beforeAll(async () => {
  const plain = await listen(createServer({ requestTimeout: 0 }, (...call) => void echo(...call)));
  const raw = await listen(createTcpServer((socket) => socket.on('error', () => undefined).pipe(socket)));
  // Answers only when the other side has said its last word, and then at length.
  const half = await listen(
    createTcpServer({ allowHalfOpen: true }, (socket) => {
      void buffer(socket).then((all) => socket.end(Buffer.alloc(4_000_000, all.length % 256)));
    }),
  );
  // Says all that it has to say at once, and goes on listening.
  const early = await listen(
    createTcpServer({ allowHalfOpen: true }, (socket) => {
      heardEarly = buffer(socket);
      socket.end('early');
    }),
  );
  const odd = await listen(
    createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (asked) =>
        socket.end(ODD[asked.toString('latin1').split(' ')[1] as keyof typeof ODD]),
      );
    }),
  );
  ports = {
    'odd.test': odd,
    'early.test': early,
    'plain.test': plain,
    'raw.test': raw,
    'half.test': half,
    'slow.test': raw,
  };
  gate = await startGate({
    allowHosts: names.map((name) => `${name}:${ports[name]}`),
    resolve: async () => ['127.0.0.1'],
    limits: { helloMs: 500 },
  });
});
afterAll(async () => {
  await gate[Symbol.asyncDispose]();
  for (const server of servers) server.close();
});

beforeEach(async () => {
  proxy = await EgressProxy.start();
  refused = [];
  const entries = names.filter((name) => name !== 'slow.test').map((name) => `http://${name}:${ports[name]}`);
  entries.push(`slow.test:${ports['slow.test']}`, 'intranet.test', 'lost.test:1');
  const capability = gate.issuer.agent({
    cage: 'c',
    organisation: 'o',
    claw: 'w',
    egress: entries,
    lifeMs: 60_000,
  });
  proxy.open({
    claw: 'tester',
    entries,
    providerUrl: 'https://api.openai.com/v1',
    gate: gate.socket,
    capability,
    onRefused: (text) => refused.push(text),
  });
});
afterEach(() => proxy.close());

const at = (name: string, path = ''): string => `http://${name}:${ports[name]}${path}`;

async function plain(
  url: string,
  options: { method?: string; body?: Buffer; headers?: Record<string, string> } = {},
): Promise<IncomingMessage> {
  const outgoing = request({
    port: proxy.port,
    path: url,
    method: options.method ?? 'GET',
    headers: { host: 'ignored.test', ...options.headers },
    agent: false,
  });
  outgoing.end(options.body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

/** The tunnel, or the status line and the text of a refusal. */
async function tunnel(authority: string): Promise<{ socket: Socket; status: number; line: string }> {
  const outgoing = request({ port: proxy.port, method: 'CONNECT', path: authority, agent: false });
  outgoing.end();
  const [response, socket, head] = (await once(outgoing, 'connect')) as [IncomingMessage, Socket, Buffer];
  if (head.length > 0) socket.unshift(head);
  return { socket, status: response.statusCode ?? 0, line: response.statusMessage ?? '' };
}
const through = (name: string) => tunnel(`${name}:${ports[name]}`);

describe('a plain request for an http:// entry', () => {
  test('reaches its server with method, path, body and headers, but for those of the proxy', async () => {
    const body = randomBytes(3_000_000);
    const response = await plain(at('plain.test', '/a?b=c'), {
      method: 'PUT',
      body,
      headers: { 'x-kept': 'yes', 'proxy-connection': 'keep-alive', connection: 'x-mine', 'x-mine': 'no' },
    });
    expect([response.statusCode, response.statusMessage]).toEqual([418, 'Short and stout']);
    expect(response.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(response.headers['x-hop']).toBeUndefined();
    const seen = JSON.parse(await text(response)) as { headers: Record<string, string> };
    expect(seen).toMatchObject({
      method: 'PUT',
      url: '/a?b=c',
      bytes: body.length,
      sha256: createHash('sha256').update(body).digest('hex'),
    });
    expect(seen.headers).toMatchObject({ host: `plain.test:${ports['plain.test']}`, 'x-kept': 'yes' });
    expect(Object.keys(seen.headers).filter((name) => /proxy|mine/.test(name))).toEqual([]);
  });

  test('gets a long answer whole', async () => {
    expect((await buffer(await plain(at('plain.test', '/big')))).length).toBe(8_000_000);
  });

  test('is told where the server breaks off, or cannot be connected', async () => {
    const broken = await plain(at('plain.test', '/broken'));
    expect([broken.statusCode, await text(broken)]).toEqual([
      502,
      expect.stringMatching(/^gate_connect_failed/),
    ]);
  });

  test('for another port, or for a TLS entry, is refused', async () => {
    const other = await plain('http://plain.test:9/');
    expect([other.statusCode, await text(other)]).toEqual([
      403,
      expect.stringContaining('Add "http://plain.test:9"'),
    ]);
    const tls = await plain(at('slow.test', '/'));
    expect(await text(tls)).toContain('for TLS only');
  });

  test.each([
    ['/low', 502],
    ['/control', 200],
    ['/switch', 502],
  ])('comes to an end whatever the server answers: %s', async (path, status) => {
    const response = await plain(at('odd.test', path));
    expect(response.statusCode).toBe(status);
    await text(response);
  });
});

describe('a tunnel', () => {
  test('carries both ways, in bulk', async () => {
    const { socket } = await through('raw.test');
    const sent = randomBytes(5_000_000);
    socket.end(sent);
    expect((await buffer(socket)).equals(sent)).toBe(true);
  });

  test('lets one direction end before the other, and a slow reader have all', async () => {
    const { socket } = await through('half.test');
    socket.end('abc');
    await once(socket, 'readable');
    expect((await buffer(socket)).equals(Buffer.alloc(4_000_000, 3))).toBe(true);
  });

  test('goes on in one direction when the server has said its last word', async () => {
    const { socket } = await through('early.test');
    socket.allowHalfOpen = true;
    expect((await buffer(socket)).toString()).toBe('early');
    const sent = randomBytes(2_000_000);
    socket.end(sent);
    await once(socket, 'close');
    expect((await heardEarly).equals(sent)).toBe(true);
  });

  test('is one of many', async () => {
    const all = await Promise.all(Array.from({ length: 60 }, () => through('raw.test')));
    await Promise.all(
      all.map(async ({ socket }, at) => {
        socket.end(`number ${at}`);
        expect((await buffer(socket)).toString()).toBe(`number ${at}`);
      }),
    );
  });

  test('beyond the limit is refused, and stands again when one is gone', async () => {
    const all = await Promise.all(Array.from({ length: MAX_TUNNELS }, () => through('raw.test')));
    const over = await through('raw.test');
    expect([over.status, over.line]).toEqual([429, expect.stringMatching(/^gate_busy: /)]);
    for (const { socket } of all) socket.destroy();
    await expect.poll(async () => (await through('raw.test')).status).toBe(200);
  });

  test('that speaks no TLS to a TLS entry is ended by the gate before a byte passes', async () => {
    const { socket, status } = await through('slow.test');
    expect(status).toBe(200);
    socket.write('GET / HTTP/1.1\r\nhost: slow.test\r\n\r\n');
    expect((await buffer(socket)).toString()).toBe('');
  });

  test.each([
    ['intranet.test:443', 403, /^gate_address_denied: .*CLAWCAGE_GATE_ALLOW_HOSTS.*\(intranet\.test/],
    ['lost.test:1', 403, /^gate_address_denied/],
    ['elsewhere.test:443', 403, /^gate_target_denied: .*Add "elsewhere\.test"/],
    ['api.openai.com:443', 403, /^egress_provider_host/],
    ['no port', 400, /^request_invalid/],
  ])('to %s is refused with %i and the words of whoever refuses', async (authority, status, words) => {
    const answer = await tunnel(authority.replace(' ', '-'));
    expect([answer.status, answer.line]).toEqual([status, expect.stringMatching(words)]);
    expect(await text(answer.socket)).toMatch(words);
    expect(refused).toEqual([answer.line]);
  });

  test('is told of once, however often it is refused', async () => {
    for (let times = 0; times < 3; times++) await tunnel('elsewhere.test:443');
    expect(refused).toHaveLength(1);
  });
});

test('nothing passes any more when the task is over, and what passed has ended', async () => {
  const { socket } = await through('raw.test');
  const closed = once(
    socket.on('error', () => undefined),
    'close',
  );
  socket.resume();
  proxy.shut();
  await closed;
  expect((await through('raw.test')).line).toMatch(/^gate_target_denied: No task/);
});

test('the longest egress list passes the gate', async () => {
  const label = 'a'.repeat(62);
  const entries = Array.from(
    { length: 199 },
    (_, at) => `http://${at}.${label}.${label}.${label}.test:${60_000 + at}`,
  );
  entries.push(`http://raw.test:${ports['raw.test']}`);
  const subject = { cage: 'c', organisation: 'o', claw: 'w' };
  proxy.open({
    claw: 'tester',
    entries,
    providerUrl: 'https://api.openai.com/v1',
    gate: gate.socket,
    capability: gate.issuer.agent({ ...subject, egress: entries, lifeMs: 60_000 }),
    onRefused: () => undefined,
  });
  expect((await through('raw.test')).status).toBe(200);
});

test('what is no request of a proxy is refused, and the next is served', async () => {
  const rude = connect(proxy.port, '127.0.0.1');
  rude.end('\x16\x03\x01 nothing like it\r\n\r\n');
  expect((await buffer(rude)).toString()).toMatch(/^HTTP\/1\.1 400/);
  const direct = await plain('/x');
  expect([direct.statusCode, await text(direct)]).toEqual([400, expect.stringContaining('This is a proxy')]);
  expect((await through('raw.test')).status).toBe(200);
});
