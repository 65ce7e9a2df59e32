import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issueServerCertificate, makeAuthority } from '../../../provider-sim/certificates.ts';
import { builtInTools } from '../../../cage-image/agent/tools/built-in.ts';
import { AgentBench } from '../../support/agent.ts';
import { startForwardProxy, type ForwardProxy } from '../../support/forward-proxy.ts';
import { startTestProvider, type TestProvider } from '../../support/provider.ts';

const ARTICLE = `<!doctype html><html><head><title>Cages</title><script>evil()</script></head><body>
<nav><a href="/other">Other</a></nav><article><h1>About cages</h1><p>${'A cage has no network but loopback, and an agent in it. '.repeat(12)}</p>
<p>See <a href="more.html">more of it</a>.</p><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table></article></body></html>`;

const site: RequestListener = (request, response) => {
  const reply = (type: string, body: string | Buffer, headers: Record<string, string> = {}): void => {
    response.writeHead(200, { 'content-type': type, ...headers });
    response.end(body);
  };
  switch (request.url) {
    case '/article':
      return reply('text/html; charset=utf-8', gzipSync(ARTICLE), { 'content-encoding': 'gzip' });
    case '/latin':
      return reply('text/plain; charset=iso-8859-1', Buffer.from('gr\xf6\xdfe', 'latin1'));
    case '/json':
      return reply('application/json', '{"a":[1,2]}');
    case '/image':
      return reply('image/png', Buffer.from([0x89, 0x50, 0, 1, 2]), {
        'content-disposition': 'attachment; filename="../../x y.png"',
      });
    case '/bomb':
      return reply('text/plain', gzipSync(Buffer.alloc(64 * 1024 * 1024)), { 'content-encoding': 'gzip' });
    case '/moved':
      response.writeHead(302, { location: 'https://second.test/json' });
      return void response.end();
    case '/away':
      response.writeHead(302, { location: 'https://elsewhere.test/x' });
      return void response.end();
    case '/round':
      response.writeHead(302, { location: '/round' });
      return void response.end();
    case '/secret':
      return reply('text/plain', request.headers.authorization ?? 'none');
    case '/secret-moved':
      response.writeHead(307, { location: 'https://second.test/secret' });
      return void response.end();
    case '/echo':
      return void request.pipe(response.writeHead(200, { 'content-type': 'text/plain' }));
    default:
      response.writeHead(404, { 'content-type': 'text/plain' });
      response.end('nothing here');
  }
};

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

let folder: string;
let provider: TestProvider;
let bench: AgentBench;
let proxy: ForwardProxy;
const servers: HttpServer[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clawcage-fetch-'));
  const certificate = issueServerCertificate(makeAuthority(), ['site.test', 'second.test']);
  writeFileSync(join(folder, 'ca.pem'), certificate.caPem);
  const tls = createTlsServer({ key: certificate.keyPem, cert: certificate.certPem }, site);
  const plain = createServer(site);
  servers.push(tls, plain);
  const tlsPort = await listening(tls);
  proxy = await startForwardProxy({
    'site.test:443': tlsPort,
    'second.test:443': tlsPort,
    'other-name.test:443': tlsPort,
    'plain.test:80': await listening(plain),
  });
  provider = await startTestProvider({ plain: true });
  bench = await AgentBench.prepare(provider);
});
afterAll(async () => {
  for (const server of servers) server.close().closeAllConnections();
  await proxy[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
  await provider.close();
  rmSync(folder, { recursive: true });
});

const environment = () => ({
  HTTP_PROXY: proxy.url,
  HTTPS_PROXY: proxy.url,
  NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
});

/** All addresses in one run of the agent, since a process reads its authorities once, when it starts. */
const fetchAll = async (
  ...calls: Record<string, unknown>[]
): Promise<{ outputs: string[]; work: string }> => {
  const work = bench.nextWork;
  const script = calls.map((args, at) => `@${at === 0 ? 'tool' : 'also'} fetch ${JSON.stringify(args)}`);
  const { of, answer } = await bench.run([...script, '@say done'].join('\n'), { environment: environment() });
  expect(answer).toBe('done');
  const byId = new Map(of('tool_result').map(({ id, output }) => [id, String(output)]));
  return { work, outputs: of('tool_call').map(({ id }) => byId.get(id) ?? '') };
};

describe('fetching through the cage’s proxy', () => {
  test('gives pages as readable text, JSON and text as they are, and saves the rest', async () => {
    const { outputs, work } = await fetchAll(
      { url: 'https://site.test/article' },
      { url: 'https://site.test/article', raw: true },
      { url: 'https://site.test/json' },
      { url: 'https://site.test/latin' },
      { url: 'https://site.test/image' },
      { url: 'http://plain.test/json' },
      { url: 'https://site.test/echo', method: 'POST', body: 'posted' },
    );
    const [page, raw, json, latin, image, plain, posted] = outputs;
    expect(page).toMatch(/^\[200 https:\/\/site\.test\/article\]\n# /);
    expect(page).toContain('[more of it](https://site.test/more.html)');
    expect(page).toContain('| 1 | 2 |');
    expect(page).not.toMatch(/evil|<p>|Other/);
    expect(raw).toContain('<script>evil()</script>');
    expect(json).toBe('[200 https://site.test/json]\n{"a":[1,2]}');
    expect(latin).toContain('größe');
    expect(image).toContain(`5 bytes of image/png saved to ${join(work, 'downloads/x_y.png')}`);
    expect(readFileSync(join(work, 'downloads/x_y.png'))).toHaveLength(5);
    expect(plain).toContain('{"a":[1,2]}');
    expect(posted).toContain('posted');
    expect(proxy.asked).toContain('CONNECT site.test:443');
    expect(proxy.asked).toContain('GET http://plain.test/json');
  });

  test('follows redirects, each through the proxy, and carries no credentials to another host', async () => {
    const [moved, away, round, secret] = (
      await fetchAll(
        { url: 'https://site.test/moved' },
        { url: 'https://site.test/away' },
        { url: 'https://site.test/round' },
        { url: 'https://site.test/secret-moved', headers: { Authorization: 'Bearer mine' } },
      )
    ).outputs;
    expect(moved).toBe('[200 https://second.test/json]\n{"a":[1,2]}');
    expect(away).toContain('Add "elsewhere.test:443" to it.');
    expect(round).toContain('More than 10 redirects');
    expect(secret).toBe('[200 https://second.test/secret]\nnone');
  });

  test('tells the model what was refused, in the words of who refused', async () => {
    const outputs = (
      await fetchAll(
        { url: 'https://unlisted.test/' },
        { url: 'http://unlisted.test/' },
        { url: 'https://site.test/nothing' },
        { url: 'https://other-name.test/json' },
        { url: 'ftp://site.test/' },
        { url: 'https://site.test/bomb' },
      )
    ).outputs;
    expect(outputs[0]).toContain('unlisted.test:443 is not on the egress list. Add "unlisted.test:443"');
    expect(outputs[1]).toMatch(/403[^]*Add "unlisted\.test" to it/);
    expect(outputs[2]).toMatch(/404[^]*nothing here/);
    expect(outputs[3]).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/);
    expect(outputs[4]).toContain('no http or https address');
    expect(outputs[5]?.length).toBeLessThan(30_000);
  });
});

test('the tool says which hosts can be reached', () => {
  const describeWith = (egress: string[]): string | undefined =>
    builtInTools(['fetch'], { work: '/', environment: {}, outputLimit: 1, remainingMs: () => 1, egress })[0]
      ?.description;
  expect(describeWith(['pypi.org'])).toContain('these hosts only: pypi.org');
  expect(describeWith([])).toContain('No host can be reached');
});
