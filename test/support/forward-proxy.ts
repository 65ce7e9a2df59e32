import { createServer, request as httpRequest } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export interface ForwardProxy extends AsyncDisposable {
  readonly url: string;
  /** What it was asked for, `CONNECT host:port` or `GET http://…`, in order. */
  readonly asked: string[];
}

/**
 * A proxy as a cage has one: hosts that it knows lead to a port of 127.0.0.1, all others are refused with 403 and a text that says what to do. `hosts` is by
 * `host:port`.
 */
export async function startForwardProxy(hosts: Readonly<Record<string, number>>): Promise<ForwardProxy> {
  const asked: string[] = [];
  const refusal = (target: string): string =>
    `gate_target_denied: ${target} is not on the egress list. Add "${target}" to it.\n`;
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const url = new URL(request.url ?? '');
    const port = hosts[`${url.hostname}:${url.port || 80}`];
    if (port === undefined) {
      response.writeHead(403, { 'content-type': 'text/plain' }).end(refusal(url.host));
      return;
    }
    const onward = httpRequest(
      {
        agent: false,
        host: '127.0.0.1',
        port,
        path: `${url.pathname}${url.search}`,
        method: request.method,
        headers: request.headers,
      },
      (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers)),
    );
    request.pipe(onward.on('error', () => response.destroy()));
  });
  const open = new Set<Socket>();
  server.on('connection', (socket) => open.add(socket));
  server.on('connect', (request, client, head) => {
    const target = request.url ?? '';
    asked.push(`CONNECT ${target}`);
    client.on('error', () => undefined);
    const port = hosts[target];
    if (port === undefined) {
      const text = refusal(target);
      client.end(`HTTP/1.1 403 Forbidden\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      if (head.length > 0) upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.once('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
