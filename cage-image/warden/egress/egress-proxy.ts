import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CodedError } from '#errors/coded-error.ts';
import type { GateAddress } from '#protocol/bootstrap.ts';
import type { CapabilityTarget } from '#protocol/capability.ts';
import { splice } from '../../tunnel/splice.ts';
import { openTunnel } from '../../tunnel/tunnel.ts';
import { EgressList, type EgressRules } from './egress-list.ts';
import { forward } from './forward.ts';
import { reasonPhrase, Refusal, refusalOf } from './refusal.ts';

export interface EgressTask extends EgressRules {
  readonly gate: GateAddress;
  /** Capability of role `agent`; absent where the list is empty. */
  readonly capability: string | undefined;
  /** Told once for each refusal in other words: many programs show no more of one than its status. */
  readonly onRefused: (text: string) => void;
}

/** The gate allows a cage 128 connections at once; the rest is for the link and the meter. */
export const MAX_TUNNELS = 96;
const MAX_CONNECTIONS = 256;
const MAX_TOLD = 100;

/**
 * The agent's proxy on 127.0.0.1: there is no other way out of the cage, so what it says is the reason that a program shows. CONNECT is tunnelled through the
 * gate, a plain request for a `http://` entry passed on; everything else is refused with the entry that would have to be on the list.
 */
export class EgressProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #task: { readonly rules: EgressTask; readonly list: EgressList } | undefined;
  #tunnels = 0;
  #told = new Set<string>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('request', (request, response) => void this.#plain(request, response));
    server.on('connect', (request, client, head) => void this.#connect(request, client as Socket, head));
    server.on('connection', (socket) => {
      this.#open.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#open.delete(socket));
    });
  }

  static async start(): Promise<EgressProxy> {
    // A body may take as long as it takes.
    const server = createServer({ requestTimeout: 0, headersTimeout: 30_000, noDelay: true });
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new EgressProxy(server);
  }

  /** From now on what this task's Claw may reach can be reached. */
  open(task: EgressTask): void {
    this.#task = { rules: task, list: new EgressList(task) };
    this.#told = new Set();
  }

  /** Ends all that passes, and lets nothing pass any more. */
  shut(): void {
    this.#task = undefined;
    for (const socket of this.#open) socket.destroy();
  }

  close(): void {
    this.shut();
    this.#server.close();
  }

  async #connect(request: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    try {
      const target = this.#allowed((list) => list.tunnel(request.url ?? ''));
      const upstream = await this.#tunnel(target, client);
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) client.unshift(head);
      splice(client, upstream);
    } catch (error) {
      const { status, message } = this.#refused(error);
      const body = `${message}\n`;
      client.end(
        `HTTP/1.1 ${status} ${reasonPhrase(message)}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    }
  }

  async #plain(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = URL.parse(request.url ?? '');
      const target = this.#allowed((list) => list.plain(url));
      const upstream = await this.#tunnel(target, response);
      await forward(request, response, url as URL, upstream);
    } catch (error) {
      const { status, message } = this.#refused(error);
      if (response.headersSent) return;
      response.writeHead(status, reasonPhrase(message), {
        'content-type': 'text/plain; charset=utf-8',
        connection: 'close',
      });
      response.end(`${message}\n`);
    }
  }

  #allowed(find: (list: EgressList) => CapabilityTarget): CapabilityTarget {
    if (this.#task === undefined) throw new Refusal(403, 'gate_target_denied: No task is running.');
    return find(this.#task.list);
  }

  /** A stream to the target, given up where `asker` is gone before it stands. */
  async #tunnel({ host, port }: CapabilityTarget, asker: Duplex | ServerResponse): Promise<Socket> {
    const { gate, capability } = this.#task!.rules;
    if (capability === undefined) throw new CodedError('gate_target_denied', { host, port });
    if (this.#tunnels >= MAX_TUNNELS) throw new CodedError('gate_busy', { limit: MAX_TUNNELS });
    const gone = new AbortController();
    const leave = (): void =>
      gone.abort(new CodedError('gate_unavailable', { reason: 'nobody waits for it' }));
    asker.once('close', leave);
    this.#tunnels += 1;
    const over = (): number => (this.#tunnels -= 1);
    try {
      const upstream = await openTunnel({
        gate,
        capability,
        host,
        port,
        halfOpen: true,
        signal: gone.signal,
      });
      upstream.once('close', over);
      return upstream;
    } catch (error) {
      over();
      throw error;
    } finally {
      asker.off('close', leave);
    }
  }

  #refused(error: unknown): Refusal {
    const refusal = refusalOf(error instanceof Refusal || isCoded(error) ? error : brokenOff(error));
    if (this.#task !== undefined && this.#told.size < MAX_TOLD && !this.#told.has(refusal.message)) {
      this.#told.add(refusal.message);
      this.#task.rules.onRefused(refusal.message);
    }
    return refusal;
  }
}

const isCoded = (error: unknown): boolean => error instanceof CodedError;

/** The target took the request and gave no answer. */
function brokenOff(cause: unknown): CodedError {
  const reason = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'it broke off';
  return new CodedError('gate_connect_failed', { reason }, { cause });
}
