import { createServer, type Server } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { issueServerCertificate, LOCAL_NAMES, makeAuthority } from '../../../provider-sim/certificates.ts';

/** A request as the provider saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ScriptedAnswer {
  readonly status?: number;
  readonly type?: string;
  /** Sent piece by piece. */
  readonly pieces: readonly (string | Buffer)[];
}

export const json = (value: object): ScriptedAnswer => ({ pieces: [JSON.stringify(value)] });

export const events = (
  ...values: readonly { readonly type: string; readonly [field: string]: unknown }[]
): ScriptedAnswer => ({
  type: 'text/event-stream; charset=utf-8',
  pieces: values.map((value) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`),
});

/** A provider that answers what the test says, byte by byte, and shows what it was asked. */
export class ScriptedProvider implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  readonly caPem: string;
  answer: (request: SeenRequest) => ScriptedAnswer = () => ({ pieces: ['{}'] });
  readonly #server: Server;

  private constructor() {
    const { certPem, keyPem, caPem } = issueServerCertificate(makeAuthority(), LOCAL_NAMES);
    this.caPem = caPem;
    this.#server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url: path = '', headers } = request;
        const seen = { method, path, headers, body: Buffer.concat(chunks) };
        this.seen.push(seen);
        const { status = 200, type = 'application/json', pieces } = this.answer(seen);
        response.writeHead(status, { 'content-type': type });
        for (const piece of pieces) response.write(piece);
        response.end();
      });
    });
  }

  static async start(): Promise<ScriptedProvider> {
    const provider = new ScriptedProvider();
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get baseUrl(): string {
    return `https://localhost:${this.port}/v1`;
  }

  last(): SeenRequest {
    const seen = this.seen.at(-1);
    if (seen === undefined) throw new Error('Nothing was asked.');
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
