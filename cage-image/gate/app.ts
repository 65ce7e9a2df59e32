import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, ListenOptions, Socket } from 'node:net';
import { CodedError } from '#errors/coded-error.ts';
import { CAPABILITY_LIMIT, verifyCapability, type CapabilityClaims } from '#protocol/capability.ts';
import { GATE_LINK_PATH, GATE_LINK_UPGRADE } from '#protocol/gate-reply.ts';
import { errorBody, sayError } from './answers.ts';
import { GateBooks } from './books.ts';
import type { GateConfig } from './config.ts';
import { LinkExchange } from './links.ts';
import { systemResolver, type Resolver } from './resolve.ts';
import { Strangers } from './strangers.ts';
import { openTunnel } from './tunnels.ts';

export interface Gate {
  /** Opens the socket (mode 0666, in the place of an older one) and the port; gives the port. */
  listen(): Promise<{ readonly port: number }>;
  /** Closes both and every stream. */
  close(): Promise<void>;
}

const SWEEP_MS = 60_000;
const TUNNELLERS: ReadonlySet<CapabilityClaims['role']> = new Set(['meter', 'agent', 'webhook']);
const HEAD_BYTES = CAPABILITY_LIMIT + 8 * 1024;

/** The gate as a value; `resolve` is the system's unless a test gives another. */
export function buildGate(config: GateConfig, resolve: Resolver = systemResolver): Gate {
  return new GateApp(config, resolve);
}

class GateApp implements Gate {
  readonly #config: GateConfig;
  readonly #resolve: Resolver;
  readonly #books: GateBooks;
  readonly #links: LinkExchange;
  readonly #servers: Server[] = [];
  readonly #streams = new Set<Socket>();
  readonly #strangers: Strangers;
  #sweeping: NodeJS.Timeout | undefined;

  constructor(config: GateConfig, resolve: Resolver) {
    this.#config = config;
    this.#resolve = resolve;
    this.#books = new GateBooks(config.limits);
    this.#links = new LinkExchange(config.limits, this.#books);
    this.#strangers = new Strangers(config.limits.strangers);
  }

  async listen(): Promise<{ readonly port: number }> {
    const { socketPath, host, port } = this.#config;
    this.#sweeping = setInterval(() => this.#books.sweep(Date.now()), SWEEP_MS);
    if (socketPath !== '') {
      await rm(socketPath, { force: true });
      await listening(this.#server(false), { path: socketPath });
      await chmod(socketPath, 0o666);
    }
    const tcp = this.#server(true);
    await listening(tcp, { host, port });
    return { port: (tcp.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeping);
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const stream of this.#streams) stream.destroy();
    await Promise.all(closed);
  }

  /** `counts`: answers `/metrics` and `/healthz`. */
  #server(counts: boolean): Server {
    const { headMs } = this.#config.limits;
    const server = createServer({
      headersTimeout: headMs,
      requestTimeout: headMs,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: HEAD_BYTES,
      keepAliveTimeout: 1_000,
    });
    server.on('connection', (stream: Socket) => this.#arrived(stream));
    server.on('connect', (request: IncomingMessage, stream: Socket, head: Buffer) =>
      this.#asked(request, stream, head, 'tunnel'),
    );
    server.on('upgrade', (request: IncomingMessage, stream: Socket, head: Buffer) =>
      this.#asked(request, stream, head, 'link'),
    );
    server.on('request', (request, response) => this.#plain(counts, request, response));
    server.on('clientError', (_error, stream) => void stream.destroy());
    this.#servers.push(server);
    return server;
  }

  #arrived(stream: Socket): void {
    this.#streams.add(stream);
    this.#strangers.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    stream.setNoDelay(true);
    stream.setKeepAlive(true, 10_000);
    stream.on('error', () => undefined);
  }

  #asked(request: IncomingMessage, stream: Socket, head: Buffer, what: 'tunnel' | 'link'): void {
    if (head.length > 0) stream.unshift(head);
    this.#serve(request, stream, what).catch((error: unknown) => {
      this.#books.refused(sayError(stream, error).code);
    });
  }

  async #serve(request: IncomingMessage, stream: Socket, what: 'tunnel' | 'link'): Promise<void> {
    const claims = this.#claims(request);
    this.#strangers.known(stream);
    if (what === 'tunnel' && TUNNELLERS.has(claims.role)) {
      const { allowHosts, limits } = this.#config;
      return openTunnel(
        { allowHosts, limits, books: this.#books, resolve: this.#resolve },
        claims,
        request.url ?? '',
        stream,
      );
    }
    const isLink =
      request.url === GATE_LINK_PATH && request.headers.upgrade?.toLowerCase() === GATE_LINK_UPGRADE;
    if (what === 'link' && isLink && claims.role === 'link') return this.#links.offer(claims, stream);
    if (what === 'link' && isLink && claims.role === 'controller') return this.#links.attach(claims, stream);
    throw new CodedError('gate_target_denied', { role: claims.role });
  }

  #claims(request: IncomingMessage): CapabilityClaims {
    const token = /^Bearer ([\w.-]+)$/.exec(request.headers['proxy-authorization'] ?? '')?.[1];
    if (token === undefined) throw new CodedError('gate_capability_invalid');
    return verifyCapability(token, this.#config.publicKey, this.#config.install, Date.now());
  }

  #plain(counts: boolean, request: IncomingMessage, response: ServerResponse): void {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (counts && isRead && request.url === '/healthz') return void response.end('ok\n');
    if (counts && isRead && request.url === '/metrics') {
      return void response.setHeader('content-type', 'text/plain; version=0.0.4').end(this.#books.metrics());
    }
    const error = new CodedError('not_found');
    response
      .writeHead(error.status, { 'content-type': 'application/json', connection: 'close' })
      .end(errorBody(error));
  }
}

function listening(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
