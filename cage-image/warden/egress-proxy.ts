import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CodedError } from '#errors/coded-error.ts';

/**
 * The agent's proxy on 127.0.0.1: there is no other way out of the cage, so what it says is the reason that a program shows. The egress list of a Claw is empty
 * so far, so everything is refused, with the entry that would have to be on the list.
 */
export class EgressProxy {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(): Promise<EgressProxy> {
    const server = createServer((request, response) => {
      const text = refusal(request.url ?? '');
      response.writeHead(403, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
      response.end(text);
    });
    server.on('connect', (request, socket) => {
      const text = refusal(request.url ?? '');
      socket.on('error', () => undefined);
      socket.end(
        `HTTP/1.1 403 Not on the egress list\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`,
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new EgressProxy(server);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** `url` is `host:port` of a CONNECT, or an absolute URL (RFC 9112 section 3.2). */
function refusal(url: string): string {
  const error = new CodedError('gate_target_denied');
  return `${error.code}: ${error.message} Missing: ${targetOf(url)}\n`;
}

function targetOf(url: string): string {
  const absolute = URL.parse(url.includes('://') ? url : `tcp://${url}`);
  if (absolute === null || absolute.hostname === '') return 'a host and port';
  const port = absolute.port || (absolute.protocol === 'https:' ? '443' : '80');
  return `${absolute.hostname}:${port}`;
}
