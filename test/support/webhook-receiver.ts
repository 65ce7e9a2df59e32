import { createServer, type Server } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { issueServerCertificate, makeAuthority } from '../../provider-sim/certificates.ts';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Answer = { status: number; headers?: Record<string, string> } | 'silence' | 'reset';

/** A receiver of webhooks on TLS, with an authority of its own, that keeps what came and answers as it is told: the next answers in order, then 204. */
export class WebhookReceiver implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly answers: Answer[] = [];
  readonly caPem: string;
  readonly #server: Server;

  private constructor(hosts: readonly string[]) {
    const authority = makeAuthority();
    const { certPem, keyPem } = issueServerCertificate(authority, [...hosts]);
    this.caPem = authority.certPem;
    this.#server = createServer({ cert: certPem, key: keyPem }, async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk as string;
      this.received.push({ path: request.url!, headers: request.headers, body });
      const answer = this.answers.shift() ?? { status: 204 };
      if (answer === 'silence') return;
      if (answer === 'reset') return void request.socket.destroy();
      response.writeHead(answer.status, answer.headers).end();
    });
  }

  static async start(hosts: readonly string[] = ['localhost'], host = '127.0.0.1'): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(hosts);
    await new Promise<void>((resolve) => receiver.#server.listen(0, host, resolve));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
