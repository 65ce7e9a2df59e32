import * as http from 'node:http';
import * as https from 'node:https';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { WayOut } from './proxy-environment.ts';

const MAX_REFUSAL_BYTES = 4096;
const CONNECT_MS = 30_000;

export interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  readonly signal: AbortSignal;
}

/** The proxy did not open the way; the message is its own words, which say what to do. */
export class ProxyRefused extends Error {
  override readonly name = 'ProxyRefused';
}

/**
 * Sends one request on a connection of its own, through the proxy where the environment names one: HTTPS in a tunnel (CONNECT), plain HTTP in absolute
 * form (RFC 9112 section 3.2.2). No redirect is followed. Done by hand because Node's own `fetch` keeps a proxy's refusal to itself.
 */
export async function sendRequest(request: OutgoingRequest, way: WayOut): Promise<http.IncomingMessage> {
  const { url, signal } = request;
  const proxy = way.proxyFor(url);
  if (url.protocol === 'https:') {
    const tunnel = proxy && (await openTunnel(proxy, url, signal));
    // One way to a host says nothing of another: no connection is kept, no session resumed.
    const createConnection =
      tunnel && (() => connectTls({ socket: tunnel, host: bare(url.hostname), servername: serverName(url) }));
    return exchange(
      https.request(url, {
        ...optionsOf(request),
        ...(createConnection === undefined ? { agent: false } : { createConnection }),
      }),
      request,
    );
  }
  if (proxy === undefined)
    return exchange(http.request(url, { ...optionsOf(request), agent: false }), request);
  return exchange(
    http.request({
      ...optionsOf(request),
      agent: false,
      host: bare(proxy.hostname),
      port: proxy.port || 80,
      path: url.href.replace(/#.*$/, ''),
      headers: { ...request.headers, host: url.host },
    }),
    request,
  );
}

function optionsOf({ method, headers, signal }: OutgoingRequest): http.RequestOptions {
  return { method, headers, signal };
}

function exchange(sent: http.ClientRequest, { body }: OutgoingRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve).once('error', reject);
    sent.end(body);
  });
}

function openTunnel(proxy: URL, url: URL, signal: AbortSignal): Promise<Duplex> {
  const target = `${url.hostname}:${url.port || '443'}`;
  return new Promise((resolve, reject) => {
    const sent = http.request({
      method: 'CONNECT',
      host: bare(proxy.hostname),
      port: proxy.port || 80,
      path: target,
      headers: { host: target },
      agent: false,
      signal: AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]),
    });
    sent.once('error', reject).end();
    sent.once('connect', (answer, socket, head) => {
      if (answer.statusCode === 200) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      // What follows a refused CONNECT is left to us to read.
      const fallback = `The proxy answered ${answer.statusCode} ${answer.statusMessage ?? ''} to ${target}.`;
      socket.unshift(head);
      firstText(socket, Number(answer.headers['content-length'] ?? MAX_REFUSAL_BYTES))
        .then((text) => reject(new ProxyRefused(text || fallback)))
        .catch(() => reject(new ProxyRefused(fallback)));
    });
  });
}

async function firstText(stream: AsyncIterable<Buffer>, bytes = MAX_REFUSAL_BYTES): Promise<string> {
  const limit = Math.min(bytes, MAX_REFUSAL_BYTES);
  const parts: Buffer[] = [];
  let length = 0;
  if (limit === 0) return '';
  for await (const part of stream) {
    parts.push(part);
    length += part.length;
    if (length >= limit) break;
  }
  return Buffer.concat(parts).toString('utf8', 0, limit).trim();
}

function serverName(url: URL): string {
  // RFC 6066 section 3: no address is a server name.
  return /^[\d.]+$|^\[/.test(url.hostname) ? '' : url.hostname;
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
