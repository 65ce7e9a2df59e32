import { once } from 'node:events';
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { isIPv6, type AddressInfo } from 'node:net';
import type { Books } from './books.ts';
import type { CertifiedKey } from './certificates.ts';
import { Exchange } from './http/exchange.ts';
import { MODELS } from './http/models.ts';
import { FileStore } from './http/file-store.ts';
import { ResponseStore } from './http/responses/response-store.ts';
import { serve } from './http/routes.ts';
import type { Provider } from './http/visit.ts';
import type { Limits } from './key-limits.ts';
import { Windows } from './windows.ts';
import { Attempts } from './model/attempts.ts';
import { PromptCache } from './prompt-cache.ts';

export interface ProviderOptions {
  /** Address or addresses to listen on, all on one port. */
  readonly host: string | readonly string[];
  /** 0: one that is free. */
  readonly port: number;
  /** The keys that are let in; a set is looked into at every call, so keys can be added and taken away meanwhile. */
  readonly keys: Iterable<string>;
  /** What a key may do in a minute; looked up at every call. Absent: as much as it likes. */
  readonly limitsOf?: ((key: string) => Limits | undefined) | undefined;
  readonly models?: readonly string[] | undefined;
  /** `plain`: http without TLS, to stand for a local model server. */
  readonly certificate: CertifiedKey | 'plain';
  readonly books: Books;
}

export interface RunningProvider {
  /** The base URL for clients, with `/v1`, by the first address. */
  readonly url: string;
  readonly port: number;
  /** Takes no more calls, lets running ones end for `graceMs` (default 1000), then breaks them off; the books are complete when it resolves. */
  close(graceMs?: number): Promise<void>;
}

const TRIES_FOR_A_COMMON_PORT = 20;

/** Starts the simulated provider; rejects with the system's error where it cannot listen. */
export async function startProviderSim(options: ProviderOptions): Promise<RunningProvider> {
  const hosts = typeof options.host === 'string' ? [options.host] : options.host;
  const provider: Provider = {
    keys: options.keys instanceof Set ? options.keys : new Set(options.keys),
    models: options.models ?? MODELS,
    books: options.books,
    attempts: new Attempts(),
    windows: new Windows(options.limitsOf),
    cache: new PromptCache(),
    files: new FileStore(),
    responses: new ResponseStore(),
  };
  const running = new Set<Promise<void>>();
  const listener: RequestListener = (request, response) => {
    const exchange = new Exchange(request, response, provider.books);
    running.add(exchange.over);
    void exchange.over.then(() => running.delete(exchange.over));
    void serve(exchange, provider);
  };
  const servers = await listenOnAll(hosts, options.port, () => createServer(options.certificate, listener));
  const { port } = servers[0]!.address() as AddressInfo;
  return {
    url: `${options.certificate === 'plain' ? 'http' : 'https'}://${nameOf(hosts[0]!)}:${port}/v1`,
    port,
    close: async (graceMs = 1000) => {
      await Promise.all(servers.filter((server) => server.listening).map((server) => close(server, graceMs)));
      await Promise.all(running);
    },
  };
}

function createServer(certificate: CertifiedKey | 'plain', listener: RequestListener): Server {
  const options = { keepAliveTimeout: 65_000, noDelay: true };
  if (certificate === 'plain') return createPlainServer(options, listener);
  const { certPem, keyPem } = certificate;
  return createTlsServer(
    { ...options, cert: certPem, key: keyPem, minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] },
    listener,
  );
}

/** A free port of the first address may be taken on the next: then another is tried. */
async function listenOnAll(
  hosts: readonly string[],
  wanted: number,
  create: () => Server,
): Promise<Server[]> {
  for (let left = TRIES_FOR_A_COMMON_PORT; ; left--) {
    const servers: Server[] = [];
    try {
      for (const host of hosts) {
        const first = servers[0]?.address() as AddressInfo | undefined;
        servers.push(await listen(create(), host, first?.port ?? wanted));
      }
      return servers;
    } catch (error) {
      await Promise.all(servers.map((server) => close(server, 0)));
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (wanted !== 0 || servers.length === 0 || !taken || left === 0) throw error;
    }
  }
}

async function listen(server: Server, host: string, port: number): Promise<Server> {
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}

/** A certificate names no wildcard address. */
function nameOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return isIPv6(host) ? `[${host}]` : host;
}
